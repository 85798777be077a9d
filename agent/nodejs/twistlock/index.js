'use strict';
/* Starts the native core when it is loaded, and wraps the function's handler.
 *
 * Use it as the manual says, as the first thing of the handler's file:
 *
 *     var twistlock = require('./twistlock');
 *     exports.handler = async (event, context) => { ... };
 *     exports.handler = twistlock.asyncHandler(exports.handler);
 *
 * No policy is read or judged here: that is the core's work. Runs on Node.js 14 and later. It is loaded at every cold
 * start, so it is short, and requires nothing but what Node.js has loaded itself.
 */

// A bundle that is an ES module has no `require`.
const builtin = process.getBuiltinModule;
const fs = builtin ? builtin('fs') : require('fs');
const path = builtin ? builtin('path') : require('path');
const bootstrap = require('./bootstrap.js');

// Bundled, this file lies where the bundle does; an ES module does not say where.
const OWN_FOLDER = typeof __dirname === 'string' ? __dirname : path.join(process.env.LAMBDA_TASK_ROOT || process.cwd(), 'twistlock');
// What tw_start answers (defender.h).
const DISABLED = 1;
const PATIENCE_MS = 5000;

// Returns `target` wrapped: the core is told when an invocation starts and ends, all else stays as it is. What can't be
// called, and what is wrapped already, comes back as it is. A function that has no name gets `name`: the one that it
// would have had without the call around it. Both entry points take either kind of handler.
function handler(target, name) {
  return bootstrap.wrap(target, name);
}

function asyncHandler(target, name) {
  return bootstrap.wrap(target, name);
}

// Wraps what the module exports as `name` (dots lead into objects), however it is exported. For the end of a module.
function protect(module, name) {
  replace(bootstrap.protect, module, name);
}

// The same for an export that a function may set later, as long as the module lives.
function guard(module, name) {
  replace(bootstrap.guard, module, name);
}

function replace(how, module, name) {
  let problem;
  try {
    problem = how(module, name);
  } catch (error) {
    problem = error.message;
  }
  if (!problem) return;
  const reason = `the handler ${name} can't be wrapped: ${problem}`;
  complain(reason);
  if (onFailure === 'closed') throw bootstrap.refusing(reason);
}

// Tells whether `candidate` itself is the wrapper that `handler` returns, and not something around it.
function isProtected(candidate) {
  return bootstrap.isWrapper(candidate);
}

let isUnpacked = false;
// The folder that this thread has while it unpacks: see takeTurn.
let turn = null;

function start() {
  const core = { exports: {} };
  const file = loadInto(core);
  const { start: startCore, begin, end } = core.exports;
  const said = {};
  const runtime = 'nodejs' + process.versions.node.split('.')[0] + '.x';
  const result = startCore(process.env.TW_POLICY, path.dirname(file), runtime, readable(), said);
  if (result < 0) throw new Error(said.message || 'the agent was started before, and failed');
  bootstrap.connect(begin, end);
  return { status: result === DISABLED ? 'disabled' : 'enforcing', reason: said.message };
}

// Returns where the core lies that is loaded now.
function loadInto(core) {
  try {
    const file = library();
    refuseDamaged(file);
    process.dlopen(core, file);
    if (isUnpacked) hide(file);
    return file;
  } finally {
    if (turn) fs.rmdirSync(turn);
  }
}

// The core's file for this machine: beside this one, in the package's root, or out of a bundle that holds it as text.
function library() {
  if (process.platform !== 'linux') throw new Error('it runs on Linux only');
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] || process.arch;
  const folder = OWN_FOLDER;
  const root = process.env.LAMBDA_TASK_ROOT;
  const places = [folder, path.join(folder, 'twistlock')].concat(root ? [path.join(root, 'twistlock')] : []);
  const files = places.map((place) => path.join(place, 'libdefender-linux-' + machine));
  return files.find((file) => fs.existsSync(file)) || unpacked('libdefender-linux-' + machine, files[0]);
}

// A bundler takes in what is JavaScript and leaves all else out: native.js, where it was added, holds the files as text.
function unpacked(name, wanted) {
  let packed = {};
  try {
    packed = require('./native.js');
  } catch (error) {
    // It was not added: nothing was going to be bundled.
  }
  if (!packed[name]) throw new Error('its library is missing: ' + wanted);
  const os = builtin ? builtin('os') : require('os');
  const loaded = mapped() || takeTurn(os.tmpdir());
  if (loaded) return loaded;
  const zlib = builtin ? builtin('zlib') : require('zlib');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'twistlock-'));
  for (const file of Object.keys(packed).filter((one) => one === name || !one.startsWith('libdefender-'))) {
    fs.writeFileSync(path.join(folder, file), zlib.inflateRawSync(Buffer.from(packed[file], 'base64')), { mode: 0o500 });
  }
  isUnpacked = true;
  return path.join(folder, name);
}

// What another thread has unpacked and loaded already.
function mapped() {
  const found = /\s(\/\S+\/twistlock-\w+\/libdefender-linux-\w+) \(deleted\)\n/.exec(fs.readFileSync('/proc/self/maps', 'latin1'));
  return found && found[1];
}

// Threads may begin at once, and a process has one core: the thread that makes this process's folder unpacks, the others wait for
// what it loads. Looked for before anything is written: the first thread's policy may be in force. A thread that was ended while it
// had its turn leaves the folder; then the others go on.
function takeTurn(temporary) {
  const [, begun] = /.*\)(?: \S+){19} (\d+)/s.exec(fs.readFileSync('/proc/self/stat', 'latin1'));
  const folder = path.join(temporary, `twistlock-${process.pid}-${begun}`);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; waited < PATIENCE_MS; waited += 1) {
    if (!fs.existsSync(folder) && isMade(folder)) {
      turn = folder;
      return mapped();
    }
    Atomics.wait(clock, 0, 0, 1);
    const found = mapped();
    if (found) return found;
  }
  return null;
}

function isMade(folder) {
  try {
    fs.mkdirSync(folder);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

// The file that is loaded loses its name, so that nobody can change it; another with the same content is for children.
function hide(file) {
  fs.copyFileSync(file, file + '.new');
  fs.renameSync(file + '.new', file);
}

// The loader dies of a SIGBUS in a file that was cut: its ELF header says where it ends.
function refuseDamaged(file) {
  const descriptor = fs.openSync(file, 'r');
  try {
    const header = Buffer.alloc(64);
    const status = fs.fstatSync(descriptor);
    if (!status.isFile()) throw new Error('its library is no file: ' + file);
    fs.readSync(descriptor, header, 0, 64, 0);
    // e_shoff, e_shentsize and e_shnum: the table of sections, which linkers put last.
    const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
    const isElf = header.readUInt32BE(0) === 0x7f454c46;
    if (!isElf || end > status.size) throw new Error('its library is damaged: ' + file);
  } finally {
    fs.closeSync(descriptor);
  }
}

// Where modules come from: a policy that names the files which may be used does not have to name these.
function readable() {
  const prefix = path.dirname(path.dirname(process.execPath));
  const folders = [
    path.dirname(OWN_FOLDER),
    process.env.LAMBDA_TASK_ROOT,
    process.env.LAMBDA_RUNTIME_DIR,
    path.join(prefix, 'lib', 'node_modules'),
    ...(module.paths || []),
    ...(process.env.NODE_PATH || '').split(':'),
  ];
  return folders.filter((folder) => folder && folder.startsWith('/') && folder !== '/').join(':');
}

function complain(why) {
  const consequence = onFailure === 'closed' ? 'every invocation will fail' : 'the function runs unprotected';
  try {
    fs.writeSync(2, `defender: NOT PROTECTED: ${why}; ${consequence} (on_failure = "${onFailure}")\n`);
  } catch (error) {
    // Nobody listens, and there is no other place to say it.
  }
}

// What is to happen where the core can't start: "open" or "closed".
let onFailure = 'open';
try {
  onFailure = require('./_settings.js').on_failure;
} catch (error) {
  complain('twistlock/_settings.js can\'t be read: ' + error.message);
}

// `status` is "enforcing", "disabled" (there is nothing to enforce for this function) or "failed"; `reason` says why,
// in one line.
let state;
try {
  state = start();
} catch (error) {
  const reason = 'the agent could not start: ' + String((error && error.message) || error).replace(/\s+/g, ' ');
  state = { status: 'failed', reason };
  complain(reason);
  if (onFailure === 'closed') bootstrap.refuse('this function may not run unprotected, and ' + reason);
}

exports.handler = handler;
exports.asyncHandler = asyncHandler;
exports.protect = protect;
exports.guard = guard;
exports.isProtected = isProtected;
exports.onFailure = onFailure;
exports.status = state.status;
exports.reason = state.reason;
// Nobody is to take the wrapper's place.
Object.freeze(exports);
