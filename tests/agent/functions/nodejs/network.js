'use strict';
/* Every way of Node.js to reach an address, a name or a port that is denied. What arrives is seen by the test. */
const dgram = require('dgram');
const dns = require('dns');
const http = require('http');
const http2 = require('http2');
const https = require('https');
const net = require('net');
const tls = require('tls');
const { called, inThread, native, once } = require('./ways.js');

const DENIED = '203.0.113.5';
const DENIED_6 = '2001:db8::5';
const ALLOWED = '203.0.113.9';
const RESOLVER = '203.0.113.53';
const PORT = 7000;
const LISTENING = 9000;
const NAME = 'denied.example';

// What listens until the test has looked.
const open = [];

exports.release = async () => {
  for (const close of open.splice(0)) await close();
  return null;
};

async function connected(socket, event = 'connect') {
  try {
    await once(socket, event);
  } finally {
    socket.destroy();
  }
}

// The host speaks no TLS, and says so by an answer that is none: the connection came about.
async function secured(socket) {
  try {
    await connected(socket, 'secureConnect');
  } catch (error) {
    if (!/SSL|ERR_|ECONNRESET|EPROTO/.test(error.code)) throw error;
  }
}

async function answered(request) {
  try {
    const response = await once(request, 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  } catch (error) {
    if (/EPROTO|SSL/.test(error.code)) return 'no TLS';
    throw error;
  }
}

async function byHttp2(url) {
  const session = http2.connect(url);
  try {
    await once(session, 'connect');
  } finally {
    session.destroy();
  }
}

async function sent(kind, send) {
  const socket = dgram.createSocket(kind);
  try {
    await send(socket);
  } finally {
    socket.close();
  }
}

async function connectedSend(socket) {
  socket.connect(PORT, DENIED);
  await once(socket, 'connect');
  await called((done) => socket.send('x', done));
}

async function listening(server, ...where) {
  const listens = once(server, 'listening');
  server.listen(...where);
  await listens;
  open.push(() => new Promise((resolve) => server.close(resolve)));
}

async function bound(kind, ...where) {
  const socket = dgram.createSocket(kind);
  const listens = once(socket, 'listening');
  try {
    socket.bind(...where);
    await listens;
  } catch (error) {
    socket.close();
    throw error;
  }
  open.push(() => socket.close());
}

function inspected() {
  const inspector = require('inspector');
  inspector.open(LISTENING, '0.0.0.0');
  if (!inspector.url()) throw Object.assign(new Error('refused'), { code: 'EPERM' });
  open.push(() => inspector.close());
}

// A question for an address, as bytes.
function question(name) {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([Buffer.from([7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

async function asked(resolver, kind = 'A') {
  resolver.setServers([RESOLVER]);
  return called((done) => resolver.resolve(NAME, kind, done));
}

async function byStream() {
  const socket = net.connect(53, RESOLVER);
  await once(socket, 'connect');
  const text = question(NAME);
  try {
    await called((done) => socket.write(Buffer.concat([Buffer.from([0, text.length]), text]), done));
    await new Promise((resolve) => socket.end(resolve));
  } finally {
    socket.destroy();
  }
}

function byTcpBinding() {
  const { TCP, TCPConnectWrap, constants } = process.binding('tcp_wrap');
  const socket = new TCP(constants.SOCKET);
  const request = new TCPConnectWrap();
  return new Promise((resolve, reject) => {
    const told = (status) => (status < 0 ? reject(Object.assign(new Error('refused'), { code: require('util').getSystemErrorName(status) })) : resolve());
    request.oncomplete = (status) => told(status);
    const status = socket.connect(request, DENIED, PORT);
    if (status) told(status);
  }).finally(() => socket.close());
}

const WAYS = {
  net_connect: () => connected(net.connect(PORT, DENIED)),
  net_connect_ipv6: () => connected(net.connect(PORT, DENIED_6)),
  net_connect_mapped: () => connected(net.connect(PORT, '::ffff:' + DENIED)),
  net_connect_port: () => connected(net.connect(7001, ALLOWED)),
  net_socket: () => connected(new net.Socket().connect({ port: PORT, host: DENIED })),
  net_looked_up: () => connected(net.connect({ port: PORT, host: 'x.test', lookup: (_, options, done) =>
    options.all ? done(null, [{ address: DENIED, family: 4 }]) : done(null, DENIED, 4) })),
  tls_connect: () => secured(tls.connect({ port: PORT, host: DENIED, rejectUnauthorized: false })),
  http_get: () => answered(http.get({ host: DENIED, port: PORT })),
  http_request: () => answered(http.request(`http://${DENIED}:${PORT}/`, { agent: new http.Agent({ keepAlive: true }) }).end()),
  http_agent_off: () => answered(http.get({ host: DENIED, port: PORT, agent: false })),
  https_get: () => answered(https.get({ host: DENIED, port: PORT, rejectUnauthorized: false })),
  http2_connect: () => byHttp2(`http://${DENIED}:${PORT}`),
  dgram_send: () => sent('udp4', (it) => called((done) => it.send('x', PORT, DENIED, done))),
  dgram_send_several: () => sent('udp4', (it) => called((done) => it.send(['x', 'y'], PORT, DENIED, done))),
  dgram_send_ipv6: () => sent('udp6', (it) => called((done) => it.send('x', PORT, DENIED_6, done))),
  dgram_send_mapped: () => sent('udp6', (it) => called((done) => it.send('x', PORT, '::ffff:' + DENIED, done))),
  dgram_connected: () => sent('udp4', connectedSend),
  binding_tcp_wrap: () => byTcpBinding(),
  thread_connect: () =>
    inThread("require('net').connect(ask[0], ask[1]).once('error', (error) => post({ code: error.code })).once('connect', () => post(1));", [PORT, DENIED]),
  thread_send: () =>
    inThread("require('dgram').createSocket('udp4').send('x', ask[0], ask[1], (error) => post(error ? { code: error.code } : 1));", [PORT, DENIED]),
  addon_connect: () => native('connect', DENIED),
  addon_connect_number: () => native('connect_number', DENIED),
  around_addon_raw_connect: () => native('raw_connect', DENIED),

  listen_net: () => listening(net.createServer(), LISTENING),
  listen_net_ipv4: () => listening(net.createServer(), LISTENING, '0.0.0.0'),
  listen_net_exclusive: () => listening(net.createServer(), { port: LISTENING, exclusive: true }),
  listen_http: () => listening(http.createServer(), LISTENING),
  listen_https: () => listening(https.createServer({}), LISTENING),
  listen_http2: () => listening(http2.createServer(), LISTENING),
  listen_dgram: () => bound('udp4', LISTENING),
  listen_dgram_ipv6: () => bound('udp6', LISTENING),
  listen_inspector: () => inspected(),

  lookup: () => called((done) => dns.lookup(NAME, done)),
  lookup_all: () => called((done) => dns.lookup(NAME, { all: true }, done)),
  lookup_ipv6: () => called((done) => dns.lookup(NAME, 6, done)),
  lookup_promise: () => dns.promises.lookup(NAME),
  lookup_upper_case: () => dns.promises.lookup(NAME.toUpperCase()),
  lookup_final_dot: () => dns.promises.lookup(NAME + '.'),
  lookup_below: () => dns.promises.lookup('c2VjcmV0.' + NAME),
  lookup_net: () => connected(net.connect(PORT, NAME)),
  lookup_http: () => answered(http.get(`http://${NAME}:${PORT}/`)),
  lookup_dgram: () => sent('udp4', (it) => called((done) => it.send('x', PORT, NAME, done))),
  lookup_thread: () => inThread("require('dns').lookup(ask, (error) => post(error ? { code: error.code } : 1));", NAME),
  resolve4: () => called((done) => dns.resolve4(NAME, done)),
  resolve6: () => called((done) => dns.resolve6(NAME, done)),
  resolve_promise: () => dns.promises.resolve(NAME),
  resolve_mx: () => called((done) => dns.resolveMx(NAME, done)),
  resolve_txt: () => called((done) => dns.resolveTxt(NAME, done)),
  resolve_any: () => called((done) => dns.resolveAny(NAME, done)),
  resolve_below: () => dns.promises.resolve('c2VjcmV0.' + NAME),
  resolver: () => asked(new dns.Resolver()),
  resolver_srv: () => asked(new dns.Resolver(), 'SRV'),
  resolve_thread: () => inThread("require('dns').resolve4(ask, (error) => post(error ? { code: error.code } : 1));", NAME),
  packet_dgram: () => sent('udp4', (it) => called((done) => it.send(question(NAME), 53, RESOLVER, done))),
  packet_dgram_connected: () => sent('udp4', async (it) => {
    it.connect(53, RESOLVER);
    await once(it, 'connect');
    await called((done) => it.send(question(NAME), done));
  }),
  packet_net: () => byStream(),
};

if (typeof fetch === 'function') {
  WAYS.fetch = async () => (await fetch(`http://${DENIED}:${PORT}/`)).text();
  WAYS.thread_fetch = () => inThread('fetch(ask).then((found) => found.text()).then(post, (error) => post({ code: error.cause.code }));', `http://${DENIED}:${PORT}/`);
  WAYS.lookup_fetch = async () => (await fetch(`http://${NAME}:${PORT}/`)).text();
}
if (typeof WebSocket === 'function') {
  WAYS.websocket = () => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${DENIED}:${PORT}/`);
    // It tells no reason.
    socket.onerror = (event) => reject(Object.assign(new Error('failed'), { code: (event.error && event.error.name) || 'failed' }));
    socket.onopen = resolve;
  });
}

exports.WAYS = WAYS;
