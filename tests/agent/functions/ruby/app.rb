# frozen_string_literal: true

# A function that attacks, and does ordinary things: each event names a way. An attack would create the marker file.
require 'fiddle'
require 'json'
require 'net/http'
require 'open3'
require 'openssl'
require 'pty'
require 'tempfile'

TOUCH = '/usr/bin/touch'

def in_child
  child = fork do
    yield
    exit!(0)
  rescue SystemCallError => e
    exit!(e.class::Errno)
  end
  Process.wait2(child)[1].exitstatus
end

def native(name, *types)
  Fiddle::Function.new(Fiddle.dlopen(nil)[name], types, Fiddle::TYPE_INT)
end

WAYS = {
  'system' => ->(marker) { system(TOUCH, marker) },
  'system_shell' => ->(marker) { system(": > #{marker}") },
  'system_exception' => ->(marker) { system(TOUCH, marker, exception: true) },
  'backticks' => ->(marker) { `#{TOUCH} #{marker}` },
  'percent_x' => ->(marker) { %x(#{TOUCH} #{marker}) },
  'exec_in_fork' => ->(marker) { in_child { exec(TOUCH, marker) } },
  'spawn' => ->(marker) { Process.wait2(spawn(TOUCH, marker))[1].exitstatus },
  'io_popen' => ->(marker) { IO.popen([TOUCH, marker], &:read) },
  'io_popen_shell' => ->(marker) { IO.popen(": > #{marker}", &:read) },
  'open3_capture2' => ->(marker) { Open3.capture2(TOUCH, marker).first },
  'open3_pipeline' => ->(marker) { Open3.pipeline([TOUCH, marker]).map(&:exitstatus) },
  'pty_spawn' => ->(marker) { PTY.spawn(TOUCH, marker) { |output, _, child| (output.read rescue nil); Process.wait(child) } },
  'kernel_open' => ->(marker) { open("|#{TOUCH} #{marker}", &:read) },
  'thread' => ->(marker) { Thread.new { system(TOUCH, marker) }.value },
  'fiddle_system' => ->(marker) { native('system', Fiddle::TYPE_VOIDP).call(": > #{marker}") },
  'fiddle_execv' => lambda do |marker|
    arguments = [Fiddle::Pointer[TOUCH], Fiddle::Pointer[marker], 0].map(&:to_i).pack('J*')
    in_child do
      native('execv', Fiddle::TYPE_VOIDP, Fiddle::TYPE_VOIDP).call(TOUCH, arguments)
      exit!(Fiddle.last_error)
    end
  end
}.freeze

ORDINARY = {
  'json' => -> { JSON.parse(JSON.generate({ 'a' => [1, nil, 'é'] })) },
  'openssl' => -> { OpenSSL::Digest::SHA256.hexdigest('a') },
  'http' => -> { Net::HTTP.new('127.0.0.1', 1).get('/') rescue 'refused' },
  'files' => -> { Tempfile.create('a') { |file| file.write('b'); file.flush; File.read(file.path) } },
  'threads' => -> { Array.new(20) { |one| Thread.new { one * 2 } }.sum(&:value) },
  'fork' => -> { in_child { nil } },
  'daemon' => -> { in_child { Process.daemon(true, true) } },
  # New pages for Ruby's own heap come by mmap and go by munmap.
  'collector' => lambda do
    5.times { Array.new(200_000) { Object.new }; GC.start(full_mark: true, immediate_sweep: true) }
    'collected'
  end
}.freeze

def handler(event:, context:)
  raise KeyError, context.aws_request_id if event == 'raise'
  return event unless event.is_a?(Hash) && event['way']
  return { 'value' => ORDINARY.fetch(event['way']).call } if ORDINARY.key?(event['way'])

  { 'value' => WAYS.fetch(event['way']).call(event['marker']) }
rescue SystemCallError => e
  { 'raised' => e.class.name, 'errno' => e.class::Errno }
end
