'use strict';
/* Every way of Node.js to reach a file or a folder: to read, change, make or take away what is denied. */
const fs = require('fs');
const path = require('path');
const child = require('child_process');
const major = Number(process.versions.node.split('.')[0]);
const { called, inThread, native, once } = require('./ways.js');

// Where an attempt takes place: what the test has put there, and names that nobody has.
function placeOf({ base }) {
  const denied = base + '/area/denied';
  const open = base + '/open';
  return {
    area: base + '/area', denied, secret: denied + '/secret', new: denied + '/new', folder: denied + '/folder',
    empty: denied + '/empty', module: denied + '/denied_module.js', open, plain: open + '/plain', mine: open + '/mine',
  };
}

async function textOf(opened) {
  if (typeof opened === 'number') {
    try {
      return fs.readFileSync(opened, 'utf8');
    } finally {
      fs.closeSync(opened);
    }
  }
  try {
    return await opened.readFile('utf8');
  } finally {
    await opened.close();
  }
}

async function namesIn(folder) {
  const names = [];
  for await (const entry of folder) names.push(entry.name);
  return names.sort();
}

const readMine = (_, at) => fs.readFileSync(at.mine, 'utf8');
const readMineFolder = (_, at) => fs.readdirSync(at.mine).sort();
const nothing = () => null;

// The calls that there are in three kinds: what they get, and what an attacker sees of what they return.
const CALLS = {
  readFile: [(at) => [at.secret, 'utf8']],
  open: [(at) => [at.secret, 'r'], textOf],
  open_new: [(at) => [at.new, 'w+'], textOf],
  open_append: [(at) => [at.secret, 'a+'], textOf],
  writeFile: [(at) => [at.new, 'x']],
  writeFile_over: [(at) => [at.secret, 'x']],
  appendFile: [(at) => [at.secret, 'x']],
  truncate: [(at) => [at.secret, 1]],
  readdir: [(at) => [at.denied], (names) => names.sort()],
  readdir_types: [(at) => [at.denied, { withFileTypes: true }], (found) => found.map((entry) => entry.name).sort()],
  opendir: [(at) => [at.denied], namesIn],
  mkdir: [(at) => [at.new]],
  mkdir_recursive: [(at) => [at.new + '/below', { recursive: true }], nothing],
  mkdtemp: [(at) => [at.denied + '/tmp-'], nothing],
  rmdir: [(at) => [at.empty]],
  unlink: [(at) => [at.secret]],
  rename: [(at) => [at.secret, at.mine]],
  rename_into: [(at) => [at.plain, at.new]],
  rename_folder: [(at) => [at.denied, at.mine]],
  copyFile: [(at) => [at.secret, at.mine], readMine],
  copyFile_into: [(at) => [at.plain, at.new]],
  link: [(at) => [at.secret, at.mine], readMine],
  link_into: [(at) => [at.plain, at.new]],
  symlink: [(at) => [at.plain, at.new]],
  chmod: [(at) => [at.secret, 0o600]],
  chown: [(at) => [at.secret, 1, 1]],
  lchown: [(at) => [at.secret, 1, 1]],
  rm: [(at) => [at.secret]],
  rm_recursive: [(at) => [at.folder, { recursive: true }]],
  cp: [(at) => [at.folder, at.mine, { recursive: true }], readMineFolder],
  cp_into: [(at) => [at.open, at.new, { recursive: true }]],
  cp_file: [(at) => [at.secret, at.mine], readMine],
};

const KINDS = {
  sync: (name) => fs[name + 'Sync'] && ((given) => fs[name + 'Sync'](...given)),
  callback: (name) => fs[name] && ((given) => called((done) => fs[name](...given, done))),
  promise: (name) => fs.promises[name] && ((given) => fs.promises[name](...given)),
};

function everyCall() {
  const found = {};
  for (const [key, [given, seen]] of Object.entries(CALLS)) {
    for (const [kind, make] of Object.entries(KINDS)) {
      const call = make(key.split('_')[0]);
      if (!call) continue;
      found[`${kind}_${key}`] = async (at) => {
        const value = await call(given(at));
        return seen ? seen(value, at) : value;
      };
    }
  }
  return found;
}

function collected(stream) {
  let text = '';
  stream.on('data', (chunk) => (text += chunk));
  return once(stream, 'end').then(() => text);
}

const written = (stream) => {
  const end = once(stream, 'finish');
  stream.end('x');
  return end;
};

async function withHandle(file, flags, use) {
  const handle = await fs.promises.open(file, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

function elsewhere(folder, attack) {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return attack();
  } finally {
    process.chdir(before);
  }
}

async function listened(at) {
  const server = require('net').createServer().listen(at.new);
  await once(server, 'listening');
  // Closing it would take its name away.
  server.unref();
  return 'listens';
}

async function connected(file) {
  const socket = require('net').connect(file);
  await once(socket, 'connect');
  socket.destroy();
}

const run = (arguments_, options) => String(child.execFileSync(process.execPath, arguments_, options));
const READ = "process.stdout.write(require('fs').readFileSync(process.argv[1]))";

const OTHERS = {
  stream_read: (at) => collected(fs.createReadStream(at.secret, 'utf8')),
  stream_write: (at) => written(fs.createWriteStream(at.new)).then(nothing),
  stream_append: (at) => written(fs.createWriteStream(at.secret, { flags: 'a' })).then(nothing),
  handle_read: (at) => withHandle(at.secret, 'r', async (it) => String((await it.read(Buffer.alloc(99), 0, 99, 0)).buffer).slice(0, 16)),
  handle_write: (at) => withHandle(at.new, 'w', (it) => it.write('x')).then(nothing),
  handle_truncate: (at) => withHandle(at.secret, 'r+', (it) => it.truncate(1)),
  handle_chmod: (at) => withHandle(at.secret, 'r', (it) => it.chmod(0o600)),
  require: (at) => {
    delete require.cache[at.module];
    return require(at.module).VALUE;
  },
  import: async (at) => (await import(`${at.module}?${Math.random()}`)).default.VALUE,
  require_resolved: (at) => require('module').createRequire(at.plain)('../area/denied/denied_module.js').VALUE,
  link_file: (at) => fs.readFileSync(at.open + '/link', 'utf8'),
  link_folder: (at) => fs.readFileSync(at.open + '/folder_link/secret', 'utf8'),
  link_made: (at) => {
    fs.symlinkSync(at.denied, at.mine);
    return fs.readFileSync(at.mine + '/secret', 'utf8');
  },
  name_dotdot: (at) => fs.readFileSync(at.open + '/../area/denied/secret', 'utf8'),
  name_bytes: (at) => fs.readFileSync(Buffer.from(at.secret), 'utf8'),
  name_url: (at) => fs.readFileSync(require('url').pathToFileURL(at.secret), 'utf8'),
  name_relative: (at) => elsewhere(at.area, () => fs.readFileSync('denied/secret', 'utf8')),
  name_from_within: (at) => elsewhere(at.denied, () => fs.readFileSync('secret', 'utf8')),
  proc_root: (at) => fs.readFileSync('/proc/self/root' + at.secret, 'utf8'),
  proc_cwd: (at) => elsewhere(at.area, () => fs.readFileSync('/proc/self/cwd/denied/secret', 'utf8')),
  socket_listen: (at) => listened(at),
  socket_to_somebody: (at) => connected(at.denied + '/socket'),
  thread: (at) => inThread("post(require('fs').readFileSync(ask, 'utf8'));", at.secret),
  thread_promise: (at) => inThread("require('fs').promises.readFile(ask, 'utf8').then(post, ({ code }) => post({ code }));", at.secret),
  thread_own_environment: (at) =>
    inThread("try { post(require('fs').readFileSync(ask, 'utf8')); } catch (error) { post({ code: error.code }); }", at.secret, { env: {} }),
  program: (at) => String(child.execFileSync('/usr/bin/cat', [at.secret], { stdio: 'pipe' })),
  program_node: (at) => run(['-e', READ, at.secret], { stdio: 'pipe' }),
  program_node_no_environment: (at) => run(['-e', READ, at.secret], { stdio: 'pipe', env: {} }),
  program_node_options: (at) =>
    run(['-e', '1'], { stdio: 'pipe', env: { NODE_OPTIONS: '--require ' + require.resolve('./reading.js'), READING: at.secret } }),
  report: (at) => process.report.writeReport(at.new) && null,
  heap_snapshot: (at) => require('v8').writeHeapSnapshot(at.new) && null,
  addon_open: (at) => native('open', at.new, 'x'),
  addon_open_number: (at) => native('open_number', at.new, 'x'),
  around_addon_raw_open: (at) => native('raw_open', at.new, 'x'),
};

// The bindings that fs itself calls; before Node.js 20 they tell errors by an argument.
function viaBinding(name, ...given) {
  const binding = process.binding('fs');
  if (major >= 20) return binding[name](...given);
  const context = {};
  const answer = binding[name](...given, undefined, context);
  if (context.errno !== undefined) throw Object.assign(new Error(name), { code: require('util').getSystemErrorName(context.errno) });
  return answer;
}

const BINDINGS = {
  binding_open: (at) => textOf(viaBinding('open', at.secret, fs.constants.O_RDONLY, 0o666)),
  binding_unlink: (at) => viaBinding('unlink', at.secret),
  binding_rename: (at) => viaBinding('rename', at.secret, at.mine),
  binding_mkdir: (at) => viaBinding('mkdir', at.new, 0o777, false) && null,
};

// A module of WebAssembly with a memory and nothing else.
const MEMORY = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 10, 1, 6, 109, 101, 109, 111, 114, 121, 2, 0]);

// What a program for WASI reads that has the folder above open.
function byWasi(folder, name) {
  const { WASI } = require('wasi');
  const wasi = new WASI({ version: 'preview1', preopens: { '/': folder } });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(MEMORY), {});
  const view = new DataView(instance.exports.memory.buffer);
  wasi.initialize(instance);
  Buffer.from(instance.exports.memory.buffer).write(name, 64);
  const refused = wasi.wasiImport.path_open(3, 0, 64, name.length, 0, 2n, 0n, 0, 0);
  if (refused) throw Object.assign(new Error('path_open'), { code: refused === 2 ? 'EACCES' : refused });
  view.setUint32(8, 128, true);
  view.setUint32(12, 16, true);
  wasi.wasiImport.fd_read(view.getUint32(0, true), 8, 1, 16);
  return Buffer.from(instance.exports.memory.buffer, 128, 16).toString();
}

const NEWER = {};
if (major >= 20) {
  NEWER.wasi = (at) => byWasi(at.area, 'denied/secret');
  NEWER.wasi_preopened = (at) => byWasi(at.denied, 'secret');
  NEWER.blob = async (at) => (await fs.openAsBlob(at.secret)).text();
  NEWER.load_environment = (at) => {
    delete process.env.VALUE;
    process.loadEnvFile(at.denied + '/denied_module.py');
    return process.env.VALUE;
  };
}
if (major >= 22) {
  NEWER.glob = (at) => fs.globSync(at.denied + '/*').sort();
  NEWER.sqlite = (at) => new (require('node:sqlite').DatabaseSync)(at.denied + '/database').prepare('SELECT name FROM things').get().name;
}

for (const [name, way] of Object.entries({ ...everyCall(), ...OTHERS, ...BINDINGS, ...NEWER })) {
  exports['fs_' + name] = (event) => way(placeOf(event));
}
