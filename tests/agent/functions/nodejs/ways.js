'use strict';
/* What the attacks share. */

// The value of an attack that answers by events: `good` ends it, `error` fails it.
exports.once = (emitter, good) =>
  new Promise((resolve, reject) => {
    emitter.once('error', reject);
    emitter.once(good, resolve);
  });

// The value that a function passes to its callback.
exports.called = (call) =>
  new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));

// What the code of a thread posts; `ask` is its data.
exports.inThread = (code, ask, options = {}) =>
  new Promise((resolve, reject) => {
    const { Worker } = require('worker_threads');
    const text = `const { parentPort, workerData: ask } = require('worker_threads');
      const post = (value) => parentPort.postMessage(value);
      ${code}`;
    const worker = new Worker(text, { eval: true, workerData: ask, ...options });
    worker.once('error', reject);
    worker.once('message', (found) => {
      const end = () => (found && found.code ? reject(Object.assign(new Error(found.code), found)) : resolve(found));
      worker.once('exit', end);
      worker.terminate();
    });
  });

// The attacks of an addon, which the test has compiled.
exports.native = (name, ...given) => {
  const addon = { exports: {} };
  process.dlopen(addon, process.env.ATTACK_ADDON);
  return addon.exports.attack(name, ...given);
};
