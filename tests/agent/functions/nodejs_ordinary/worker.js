const { parentPort } = require('worker_threads');
parentPort.postMessage([process.env.A, require('./helper.js').helped]);
