# frozen_string_literal: true

# What functions do that attack nobody: each answers as it does unprotected.
require 'bundler'
require 'digest'
require 'json'
require 'logger'
require 'net/http'
require 'openssl'
require 'open3'
require 'socket'
require 'stringio'
require 'tempfile'
require 'tmpdir'
require 'fileutils'
require 'timeout'
require 'yaml'
require 'zlib'
require_relative 'ways'

ORDINARY = {
  'json' => -> { JSON.parse(JSON.generate({ 'a' => [1, nil, 'é'] })) },
  'openssl' => -> { OpenSSL::Digest::SHA256.hexdigest('a') },
  'http' => -> { Net::HTTP.new('127.0.0.1', 1).get('/') rescue 'refused' },
  'files' => -> { Tempfile.create('a') { |file| file.write('b'); file.flush; File.read(file.path) } },
  'http_server' => -> { served(TCPServer.new('127.0.0.1', 0)) { |port| Net::HTTP.get(URI("http://127.0.0.1:#{port}/")) } },
  'https_server' => lambda do
    key = OpenSSL::PKey::RSA.new(2048)
    listening = TCPServer.new('127.0.0.1', 0)
    context = OpenSSL::SSL::SSLContext.new.tap { |it| it.key = key; it.cert = certificate(key) }
    served(listening, OpenSSL::SSL::SSLServer.new(listening, context)) do |port|
      client = Net::HTTP.new('127.0.0.1', port)
      client.use_ssl = true
      client.verify_mode = OpenSSL::SSL::VERIFY_NONE
      client.get('/').body
    end
  end,
  'lookup' => -> { Addrinfo.getaddrinfo('localhost', 80, :INET, :STREAM).map(&:ip_address) },
  'unix_socket' => -> { UNIXSocket.pair.then { |one, other| one.write('x'); one.close; other.read } },
  'udp_socket' => lambda do
    here = UDPSocket.new.tap { |it| it.bind('127.0.0.1', 0) }
    UDPSocket.new.send('x', 0, '127.0.0.1', here.addr[1])
    here.recv(1)
  end,
  'open3_allowed' => -> { Open3.capture3('/usr/bin/cat', stdin_data: 'x').first },
  'popen_allowed' => -> { IO.popen(['/usr/bin/cat'], 'r+') { |it| it.write('x'); it.close_write; it.read } },
  'logger' => -> { StringIO.new.then { |it| Logger.new(it, formatter: ->(*_, text) { text }).info('x'); it.string } },
  'yaml' => -> { YAML.safe_load(YAML.dump({ 'a' => [1, 2.5, nil] })) },
  'zlib' => -> { Zlib.inflate(Zlib.deflate('x' * 100_000)).size },
  'timeout' => -> { Timeout.timeout(0.01) { sleep } rescue $!.class.name },
  'fibers' => -> { Enumerator.new { |it| 1000.times { |one| it << one } }.lazy.map { |one| one + 1 }.first(3) },
  'ractor_value' => -> { Ractor.new(2) { |one| one * 2 }.take },
  'folders' => -> { Dir.mktmpdir { |at| FileUtils.mkdir_p("#{at}/a/b"); FileUtils.cp(__FILE__, "#{at}/a"); Dir["#{at}/**/*"].size } },
  'bundler' => lambda do
    Dir.mktmpdir do |at|
      FileUtils.mkdir_p("#{at}/mine/lib")
      File.write("#{at}/mine/lib/mine.rb", "MINE = 'loaded'")
      File.write("#{at}/mine/mine.gemspec", "Gem::Specification.new { |s| s.name = 'mine'; s.version = '1'; s.summary = 's'; s.authors = ['a'] }")
      File.write("#{at}/Gemfile", "gem 'mine', path: 'mine'")
      in_bundle(at)
    end
  end,
  'threads' => -> { Array.new(20) { |one| Thread.new { one * 2 } }.sum(&:value) },
  'fork' => -> { in_child { nil } },
  'daemon' => -> { in_child { Process.daemon(true, true) } },
  # New pages for Ruby's own heap come by mmap and go by munmap.
  'collector' => lambda do
    5.times { Array.new(200_000) { Object.new }; GC.start(full_mark: true, immediate_sweep: true) }
    'collected'
  end
}.freeze

# What a client of a server in a thread of its own is answered.
def served(listening, server = listening)
  thread = Thread.new do
    client = server.accept
    client.gets
    client.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    client.close
  end
  yield(listening.addr[1])
ensure
  thread.join
  server.close
end

def certificate(key)
  OpenSSL::X509::Certificate.new.tap do |it|
    it.version, it.serial = 2, 1
    it.subject = it.issuer = OpenSSL::X509::Name.parse('/CN=localhost')
    it.public_key = key.public_key
    it.not_before, it.not_after = Time.now - 60, Time.now + 3600
    it.sign(key, OpenSSL::Digest.new('SHA256'))
  end
end

# A gem of the function's own by Bundler, in a child: it changes what the whole process can load.
def in_bundle(folder)
  reading, writing = IO.pipe
  child = fork do
    ENV['BUNDLE_GEMFILE'] = "#{folder}/Gemfile"
    ENV['HOME'] = folder
    Bundler.setup
    require 'mine'
    writing.write(MINE)
    exit!(0)
  rescue StandardError, ScriptError => e
    writing.write(e.class.name, e.message)
    exit!(1)
  end
  writing.close
  Process.wait(child)
  reading.read
end
