'use strict';
/* Every way of Node.js to start a program. Each would create the marker. */
const child = require('child_process');
const { called, inThread, native, once } = require('./ways.js');

const TOUCH = '/usr/bin/touch';
const SCRIPT = require.resolve('./touching.js');

// What spawnSync returns is no exception.
function checked(result) {
  if (result.error) throw result.error;
  return result.status;
}

const ended = (started) => once(started, 'exit');

// What libuv says by a number.
function numbered(result) {
  if (result < 0) throw Object.assign(new Error('refused'), { code: require('util').getSystemErrorName(result) });
  return result;
}

function binding(name) {
  return process.binding(name);
}

function bySyncBinding(marker) {
  const result = binding('spawn_sync').spawn({ file: TOUCH, args: ['touch', marker], stdio: [{ type: 'ignore' }] });
  numbered(result.error || 0);
  return result.status;
}

function byProcessBinding(marker) {
  const { Process } = binding('process_wrap');
  const started = new Process();
  const given = { file: TOUCH, args: ['touch', marker], cwd: null, envPairs: null, stdio: [{ type: 'ignore' }] };
  // Since Node.js 24 one by one.
  const several = /spawn\(\s*options\.file,/.test(child.ChildProcess.prototype.spawn);
  return new Promise((resolve, reject) => {
    started.onexit = resolve;
    try {
      numbered(several ? started.spawn(...Object.values(given), 0) : started.spawn(given));
    } catch (error) {
      reject(error);
    }
  });
}

function byCluster(marker) {
  const cluster = require('cluster');
  (cluster.setupPrimary || cluster.setupMaster).call(cluster, { exec: SCRIPT, args: [marker], silent: true });
  return ended(cluster.fork());
}

const IN_THREAD = "const { status, error } = require('child_process').spawnSync(ask[0], [ask[1]]);" +
  'post(error ? { code: error.code } : status);';

// Tampers with the agent before it attacks; where there is none, that does nothing.
function after(tamper) {
  return ({ marker }) => {
    try {
      tamper();
    } catch (error) {
      // Refused, or nothing to tamper with.
    }
    return checked(child.spawnSync(TOUCH, [marker]));
  };
}

// The core's functions, from the library beside the shim.
function core() {
  const addon = { exports: {} };
  const folder = require('path').join(__dirname, 'twistlock');
  process.dlopen(addon, `${folder}/libdefender-linux-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}`);
  return addon.exports;
}

// A policy without a rule: nothing is enforced.
const NONE = Buffer.from('{"v":1,"id":{"function":null,"region":null,"provider":"aws"},"runtime":null}').toString('base64');

const TAMPERING = {
  agent_policy_unset: after(() => delete process.env.TW_POLICY),
  agent_policy_changed: after(() => (process.env.TW_POLICY = NONE)),
  agent_shim_loaded_again: after(() => {
    for (const file of Object.keys(require.cache)) if (file.includes('/twistlock/')) delete require.cache[file];
    require('./twistlock');
  }),
  agent_shim_disconnected: after(() => require('./twistlock/bootstrap.js').connect(() => {}, () => {})),
  agent_started_again: after(() => core().start(NONE, __dirname, 'nodejs', '', {})),
  agent_told_often: after(() => {
    const { begin, end } = core();
    for (let i = 0; i < 1000; i++) begin('x');
    for (let i = 0; i < 2000; i++) end();
  }),
  agent_memory_opened: after(() => require('fs').openSync('/proc/self/mem', 'r+')),
};

module.exports = {
  ...TAMPERING,
  child_exec: ({ marker }) => called((done) => child.exec(`: > ${marker}`, done)),
  child_exec_promise: ({ marker }) => require('util').promisify(child.exec)(`: > ${marker}`),
  child_execSync: ({ marker }) => String(child.execSync(`: > ${marker}`)),
  child_execFile: ({ marker }) => called((done) => child.execFile(TOUCH, [marker], done)),
  child_execFileSync: ({ marker }) => String(child.execFileSync(TOUCH, [marker])),
  child_spawn: ({ marker }) => ended(child.spawn(TOUCH, [marker])),
  child_spawn_shell: ({ marker }) => ended(child.spawn(`: > ${marker}`, { shell: true })),
  child_spawn_detached: ({ marker }) => ended(child.spawn(TOUCH, [marker], { detached: true, stdio: 'ignore' })),
  child_spawn_by_path: ({ marker }) => ended(child.spawn('touch', [marker])),
  child_spawn_no_environment: ({ marker }) => ended(child.spawn(TOUCH, [marker], { env: {} })),
  child_spawn_elsewhere: ({ marker }) => ended(child.spawn('./touch', [marker], { cwd: '/usr/bin' })),
  child_spawn_as_user: ({ marker }) => ended(child.spawn(TOUCH, [marker], { uid: process.getuid(), gid: process.getgid() })),
  child_spawnSync: ({ marker }) => checked(child.spawnSync(TOUCH, [marker])),
  child_spawnSync_shell: ({ marker }) => checked(child.spawnSync(`: > ${marker}`, { shell: true })),
  child_fork: ({ marker }) => ended(child.fork(SCRIPT, [marker], { silent: true })),
  child_fork_options: ({ marker }) =>
    ended(child.fork(SCRIPT, [], { silent: true, execArgv: ['-r', SCRIPT], env: { TOUCHING: marker } })),
  child_constructor: ({ marker }) => {
    const started = new child.ChildProcess();
    const end = ended(started);
    started.spawn({ file: TOUCH, args: ['touch', marker], stdio: 'ignore' });
    return end;
  },
  binding_spawn_sync: ({ marker }) => bySyncBinding(marker),
  binding_process_wrap: ({ marker }) => byProcessBinding(marker),
  cluster: ({ marker }) => byCluster(marker),
  thread: ({ marker }) => inThread(IN_THREAD, [TOUCH, marker]),
  thread_own_environment: ({ marker }) => inThread(IN_THREAD, [TOUCH, marker], { env: {} }),
  thread_of_thread: ({ marker }) =>
    inThread(
      `const { Worker } = require('worker_threads');
       new Worker(ask[0], { eval: true, workerData: ask[1] }).once('message', post);`,
      [`const { parentPort, workerData: ask } = require('worker_threads');
        const post = (value) => parentPort.postMessage(value); ${IN_THREAD}`, [TOUCH, marker]],
    ),
  context: ({ marker }) =>
    checked(require('vm').runInNewContext('spawnSync(touch, [marker])', { spawnSync: child.spawnSync, touch: TOUCH, marker })),
  addon_system: ({ marker }) => native('system', `: > ${marker}`),
  addon_table: ({ marker }) => native('table', `: > ${marker}`),
  addon_looked_up: ({ marker }) => native('looked_up', `: > ${marker}`),
  addon_thread: ({ marker }) => native('thread', `: > ${marker}`),
  addon_execve: ({ marker }) => native('execve', TOUCH, marker),
  addon_posix_spawn: ({ marker }) => native('posix_spawn', TOUCH, marker),
  addon_syscall: ({ marker }) => native('syscall', TOUCH, marker),
  addon_constructor: ({ marker }) => {
    process.env.ATTACK_COMMAND = `: > ${marker}`;
    try {
      process.dlopen({ exports: {} }, process.env.ATTACK_CONSTRUCTOR);
    } catch (error) {
      return 'loaded';
    } finally {
      delete process.env.ATTACK_COMMAND;
    }
  },
  around_addon_raw_system_call: ({ marker }) => native('raw_execve', TOUCH, marker),
};

if (process.execve) {
  module.exports.execve = ({ marker }) => process.execve(TOUCH, ['touch', marker]);
}
