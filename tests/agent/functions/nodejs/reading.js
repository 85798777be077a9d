'use strict';
// What NODE_OPTIONS lets a program of Node.js do before its own code.
process.stdout.write(require('fs').readFileSync(process.env.READING));
