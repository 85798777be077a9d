# frozen_string_literal: true

# What the attacks share. Each would create the marker file that it is given.
require 'fiddle'

TOUCH = '/usr/bin/touch'

# The exit code of a child that runs the block; the number of the error that it met.
def in_child
  child = fork do
    yield
    exit!(0)
  rescue SystemCallError => e
    exit!(e.class::Errno)
  end
  Process.wait2(child)[1].exitstatus
end

def libc
  Fiddle.dlopen(nil)
end

def native(name, *types)
  Fiddle::Function.new(libc[name], types, Fiddle::TYPE_INT)
end

def pointer
  Fiddle::TYPE_VOIDP
end

# What execve takes: a path, and two arrays that end with NULL; all of it kept for as long as the process lives.
def touch(marker)
  texts = [TOUCH, marker].map { |text| Fiddle::Pointer[text] }
  arguments = Fiddle::Pointer[[*texts, 0].map(&:to_i).pack('J*')]
  environment = Fiddle::Pointer[[0].pack('J')]
  (@kept ||= []).push(texts, arguments, environment)
  [texts.first, arguments, environment]
end

def in_block
  yield
rescue SystemCallError => e
  exit!(e.class::Errno)
end

# A child that ends as Ruby ends: what it left for its end runs.
def exit_of_child
  child = fork do
    yield
    exit(0)
  end
  Process.wait2(child)[1].exitstatus
end

def finalizer(marker)
  proc { system(TOUCH, marker) }
end

def on_signal
  answer = Queue.new
  before = trap('USR1') { Thread.new { answer << yield } }
  Process.kill('USR1', Process.pid)
  answer.pop
ensure
  trap('USR1', before || 'DEFAULT')
end

# What the block says in a process that left its parent.
def in_daemon
  reading, writing = IO.pipe
  child = fork do
    Process.daemon(true, true)
    writing.write(yield.to_s)
    exit!(0)
  end
  writing.close
  Process.wait(child)
  reading.read
end
