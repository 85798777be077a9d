'use strict';
/* An ordinary function: each event names a thing that functions do, none of which a sensible policy stops. */
const fs = require('fs');
const http = require('http');
const path = require('path');
const { promisify } = require('util');
const child = require('child_process');
const stream = require('stream');

const ADDRESS = '198.51.100.7';
const NAME = 'service.example.test';
const PLAIN = 8080;
const TLS = 8443;
const AUTHORITY = process.env.AUTHORITY;
const major = Number(process.versions.node.split('.')[0]);

const temporary = () => fs.mkdtempSync('/tmp/ordinary-');

async function withServer(listener, use) {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await require('events').once(server, 'listening');
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
    if (server.closeAllConnections) server.closeAllConnections();
  }
}

function got(url, options = {}) {
  const client = require(url.startsWith('https') ? 'https' : 'http');
  return new Promise((resolve, reject) => {
    const request = client.request(url, options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(JSON.parse(text)));
    });
    request.on('error', reject).end(options.body);
  });
}

function inThread(code, data) {
  const { Worker } = require('worker_threads');
  return new Promise((resolve, reject) => {
    new Worker(code, { eval: true, workerData: data }).once('error', reject).once('message', resolve);
  });
}

const ADD = "const { parentPort, workerData } = require('worker_threads'); parentPort.postMessage(workerData + 1);";

// A function that V8 compiles to machine code, again and again.
function machineCode() {
  let sum = 0;
  for (let round = 0; round < 20; round++) {
    const add = new Function('a', 'b', `return (a * ${round} + b) | 0`);
    for (let i = 0; i < 20000; i++) sum = add(sum, i);
  }
  return sum;
}

// The module of one function that adds two numbers.
const WASM = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);

const DOINGS = {
  timers: async () => {
    const order = [];
    setTimeout(() => order.push('timeout'), 1);
    setImmediate(() => order.push('immediate'));
    process.nextTick(() => order.push('tick'));
    await promisify(setTimeout)(20);
    return order.sort();
  },
  machine_code: () => machineCode(),
  web_assembly: async () => (await WebAssembly.instantiate(WASM)).instance.exports.add(2, 3),
  collector: () => {
    for (let i = 0; i < 30; i++) Array.from({ length: 100000 }, () => ({}));
    return 'collected';
  },
  crypto: async () => {
    const crypto = require('crypto');
    const key = await promisify(crypto.scrypt)('password', 'salt', 32);
    const { publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return [key.toString('hex'), publicKey.asymmetricKeyType, crypto.randomBytes(8).length];
  },
  files: async () => {
    const folder = temporary();
    fs.writeFileSync(folder + '/a', 'text');
    await fs.promises.copyFile(folder + '/a', folder + '/b');
    fs.symlinkSync('a', folder + '/c');
    fs.renameSync(folder + '/b', folder + '/d');
    fs.appendFileSync(folder + '/d', 's');
    const found = [fs.readFileSync(folder + '/d', 'utf8'), fs.realpathSync(folder + '/c').endsWith('/a'), fs.readdirSync(folder)];
    await promisify(fs.rmdir)(folder + '/none').catch((error) => found.push(error.code));
    for (const name of fs.readdirSync(folder)) fs.unlinkSync(path.join(folder, name));
    fs.rmdirSync(folder);
    return found;
  },
  streams: async () => {
    const folder = temporary();
    const zlib = require('zlib');
    const write = fs.createWriteStream(folder + '/packed');
    await promisify(stream.pipeline)(stream.Readable.from(['x'.repeat(200000)]), zlib.createGzip(), write);
    const read = fs.createReadStream(folder + '/packed');
    let size = 0;
    for await (const chunk of read.pipe(zlib.createGunzip())) size += chunk.length;
    fs.unlinkSync(folder + '/packed');
    fs.rmdirSync(folder);
    return size;
  },
  watch: async () => {
    const folder = temporary();
    const watcher = fs.watch(folder);
    const changed = require('events').once(watcher, 'change');
    fs.writeFileSync(folder + '/a', '');
    await changed;
    watcher.close();
    fs.unlinkSync(folder + '/a');
    fs.rmdirSync(folder);
    return 'changed';
  },
  own_files: () => [fs.readdirSync(__dirname).includes('app.js'), JSON.parse(fs.readFileSync(path.join(__dirname, 'data.json'))).own],
  modules: async () => [require('./helper.js').helped, (await import('./module.mjs')).imported],
  threads: async () => Promise.all([1, 2, 3].map((one) => inThread(ADD, one))),
  thread_from_file: () => new Promise((resolve, reject) => {
    const { Worker } = require('worker_threads');
    new Worker(path.join(__dirname, 'worker.js'), { env: { A: 'b' } }).once('error', reject).once('message', resolve);
  }),
  local_server: () => withServer((request, response) => response.end('{"a":1}'), got),
  unix_socket: async () => {
    const folder = temporary();
    const server = http.createServer((request, response) => response.end('{"a":2}')).listen(folder + '/socket');
    await require('events').once(server, 'listening');
    const found = await got('http://local/', { socketPath: folder + '/socket', agent: false });
    await promisify(server.close.bind(server))();
    fs.rmdirSync(folder);
    return found;
  },
  http_by_address: () => got(`http://${ADDRESS}:${PLAIN}/there`),
  http_by_name: () => got(`http://${NAME}:${PLAIN}/there`, { method: 'POST', body: 'x'.repeat(100000) }),
  https_by_name: () => got(`https://${NAME}:${TLS}/`, { ca: fs.readFileSync(AUTHORITY) }),
  names: async () => {
    const dns = require('dns').promises;
    return [await dns.lookup(NAME), await dns.resolve4(NAME), await dns.lookup('localhost', 4), await dns.resolve4('missing.example.test').catch((error) => error.code)];
  },
  datagram: () => new Promise((resolve, reject) => {
    const socket = require('dgram').createSocket('udp4');
    socket.on('error', reject).on('message', (data) => {
      socket.close();
      resolve(String(data));
    });
    socket.send('echoed', 7007, ADDRESS);
  }),
  refused_connection: () => got('http://127.0.0.1:1/').catch((error) => error.code),
  program_cat: () => String(child.execFileSync('/usr/bin/cat', [path.join(__dirname, 'data.json')])),
  program_cat_piped: async () => {
    const cat = child.spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    cat.stdin.end('through');
    let text = '';
    for await (const chunk of cat.stdout) text += chunk;
    return text;
  },
  program_missing: () => promisify(child.execFile)('/nowhere/program', []).catch((error) => error.code),
};

if (major >= 20) {
  Object.assign(DOINGS, {
    fetch: async () => (await fetch(`http://${NAME}:${PLAIN}/there`)).json(),
    axios: async () => {
      const axios = require('axios');
      const { status, data } = await axios.post(`http://${NAME}:${PLAIN}/posted`, { a: 1 });
      return [status, data];
    },
    undici: async () => {
      const { request, Agent } = require('undici');
      const { statusCode, body } = await request(`http://${ADDRESS}:${PLAIN}/x`, { dispatcher: new Agent({ pipelining: 2 }) });
      return [statusCode, await body.json()];
    },
    express: () => {
      const app = require('express')();
      app.get('/hello/:name', (request, response) => response.json({ hello: request.params.name }));
      return withServer(app, (url) => got(url + '/hello/you'));
    },
    aws_sdk: async () => {
      const { S3Client, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');
      const client = new S3Client({
        endpoint: `http://${NAME}:${PLAIN}`, region: 'us-east-1', forcePathStyle: true,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      });
      const put = await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'key', Body: 'content' }));
      const found = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' }));
      return [put.ETag, JSON.parse(await found.Body.transformToString())];
    },
    sharp: async () => {
      const sharp = require('sharp');
      const image = await sharp({ create: { width: 60, height: 40, channels: 3, background: 'red' } }).png().toBuffer();
      const small = await sharp(image).resize(30).blur(2).jpeg().toBuffer({ resolveWithObject: true });
      return [small.info.width, small.info.height, small.info.format];
    },
    sqlite: () => {
      const { DatabaseSync } = require('node:sqlite');
      const folder = temporary();
      const database = new DatabaseSync(folder + '/database');
      database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (7)');
      const found = database.prepare('SELECT a FROM t').get().a;
      database.close();
      fs.rmSync(folder, { recursive: true });
      return found;
    },
  });
}

exports.handler = async (event) => (event.doing === 'list' ? Object.keys(DOINGS) : DOINGS[event.doing]());
