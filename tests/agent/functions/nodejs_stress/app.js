'use strict';
/* Calls at once from many places, allowed and denied: answers which came out wrong, and what the process holds. */
const fs = require('fs');
const net = require('net');
const { spawnSync } = require('child_process');

const SECRET = '/srv/secret/file';
const ADDRESS = '198.51.100.7';

function connected(host, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host);
    socket.once('error', reject).once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

// A call, and the error that it must fail with.
const CALLS = [
  [() => fs.promises.readFile(__filename), null],
  [() => fs.promises.readFile(SECRET), 'EACCES'],
  [() => fs.readdirSync('/srv/secret'), 'EACCES'],
  [() => fs.promises.unlink(SECRET), 'EACCES'],
  [() => connected(ADDRESS, 7007), null],
  [() => connected('203.0.113.9', 80), 'EPERM'],
  [() => require('dns').promises.lookup('service.example.test'), null],
  [() => require('dns').promises.lookup('denied.example.org'), 'EAI_FAIL'],
  [() => { const { error } = spawnSync('/usr/bin/touch', ['/tmp/never']); if (error) throw error; }, 'EACCES'],
];

async function several(count) {
  const wrong = [];
  const run = async ([call, expected], number) => {
    let code = null;
    try {
      await call();
    } catch (error) {
      code = error.code;
    }
    if (code !== expected) wrong.push([number, code]);
  };
  for (let round = 0; round < count; round++) await Promise.all(CALLS.map(run));
  return wrong;
}

async function inThreads(count, rounds) {
  const { Worker } = require('worker_threads');
  const ended = (worker) => new Promise((resolve, reject) => {
    worker.once('error', reject);
    let found = null;
    worker.once('message', (message) => (found = message));
    worker.once('exit', () => resolve(found));
  });
  const workers = Array.from({ length: count }, () => ended(new Worker(__filename, { workerData: rounds })));
  return (await Promise.all([...workers, several(rounds)])).flat();
}

function measured() {
  if (global.gc) global.gc();
  return {
    kib: Math.round(process.memoryUsage().rss / 1024), descriptors: fs.readdirSync('/proc/self/fd').length,
    threads: fs.readdirSync('/proc/self/task').length,
  };
}

exports.handler = async (event) => {
  if (event.measure) return measured();
  if (event.raise) throw new RangeError('raised');
  if (event.threads) return { wrong: await inThreads(event.threads, event.rounds) };
  if (event.attack) return spawnSync('/usr/bin/touch').error.code;
  return 'done';
};

const { isMainThread, parentPort, workerData } = require('worker_threads');
if (!isMainThread) several(workerData).then((wrong) => parentPort.postMessage(wrong));
