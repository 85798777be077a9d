# frozen_string_literal: true

# Every way of Ruby's own to start a program.
require 'erb'
require 'open3'
require 'open-uri'
require 'pty'
require 'rubygems'
require_relative 'ways'

WAYS = {
  'system' => ->(marker) { system(TOUCH, marker) },
  'system_shell' => ->(marker) { system(": > #{marker}") },
  'system_exception' => ->(marker) { system(TOUCH, marker, exception: true) },
  'system_environment' => ->(marker) { system({ 'A' => 'b' }, TOUCH, marker, unsetenv_others: true) },
  'system_argv0' => ->(marker) { system([TOUCH, 'other'], marker) },
  'system_folder' => ->(marker) { system("./touch #{marker}", chdir: '/usr/bin') },
  'system_process_group' => ->(marker) { system(TOUCH, marker, pgroup: true, umask: 0o77, close_others: true) },
  'backticks' => ->(marker) { `#{TOUCH} #{marker}` },
  'percent_x' => ->(marker) { %x(#{TOUCH} #{marker}) },
  'exec' => ->(marker) { exec(TOUCH, marker) },
  'exec_shell' => ->(marker) { exec(": > #{marker}") },
  'exec_in_fork' => ->(marker) { in_child { exec(TOUCH, marker) } },
  'process_exec' => ->(marker) { in_child { Process.exec(TOUCH, marker) } },
  'spawn' => ->(marker) { Process.wait2(spawn(TOUCH, marker))[1].exitstatus },
  'spawn_redirected' => ->(marker) { Process.wait2(spawn(TOUCH, marker, %i[out err] => '/dev/null'))[1].exitstatus },
  'process_spawn' => ->(marker) { Process.detach(Process.spawn(TOUCH, marker)).value.exitstatus },
  'io_popen' => ->(marker) { IO.popen([TOUCH, marker], &:read) },
  'io_popen_shell' => ->(marker) { IO.popen(": > #{marker}", &:read) },
  'io_popen_fork' => ->(marker) { IO.popen('-') { |io| io ? io.read : in_block { exec(TOUCH, marker) } } },
  'io_read' => ->(marker) { IO.read("|#{TOUCH} #{marker}") },
  'io_foreach' => ->(marker) { IO.foreach("|#{TOUCH} #{marker}").to_a },
  'io_readlines' => ->(marker) { IO.readlines("|#{TOUCH} #{marker}") },
  'open3_capture2' => ->(marker) { Open3.capture2(TOUCH, marker).first },
  'open3_capture2e' => ->(marker) { Open3.capture2e(TOUCH, marker).first },
  'open3_capture3' => ->(marker) { Open3.capture3(TOUCH, marker).first },
  'open3_popen3' => ->(marker) { Open3.popen3(TOUCH, marker) { |_, output, _, _| output.read } },
  'open3_pipeline' => ->(marker) { Open3.pipeline([TOUCH, marker]).map(&:exitstatus) },
  'pty_spawn' => ->(marker) { PTY.spawn(TOUCH, marker) { |output, _, child| (output.read rescue nil); Process.wait(child) } },
  'kernel_open' => ->(marker) { open("|#{TOUCH} #{marker}", &:read) },
  'uri_open' => ->(marker) { URI.open("|#{TOUCH} #{marker}", &:read) },
  'daemon_exec' => ->(marker) { in_daemon { in_child { exec(TOUCH, marker) } } },
  'thread' => ->(marker) { Thread.new { system(TOUCH, marker) }.value },
  'fiber' => ->(marker) { Fiber.new { system(TOUCH, marker) }.resume },
  'ractor' => ->(marker) { Ractor.new(marker) { |path| system('/usr/bin/touch', path) }.take },
  'enumerator' => ->(marker) { Enumerator.new { |it| it << system(TOUCH, marker) }.next },
  'eval' => ->(marker) { eval("`#{TOUCH} #{marker}`") }, # rubocop:disable Security/Eval
  'erb' => ->(marker) { ERB.new("<%= system('#{TOUCH}', '#{marker}') %>").result },
  'send' => ->(marker) { Kernel.send(:system, TOUCH, marker) },
  'unbound_method' => ->(marker) { Kernel.instance_method(:system).bind_call(Object.new, TOUCH, marker) },
  'at_exit' => ->(marker) { exit_of_child { at_exit { system(TOUCH, marker) } } },
  'finalizer' => ->(marker) { exit_of_child { ObjectSpace.define_finalizer(+'', finalizer(marker)) } },
  'signal_handler' => ->(marker) { on_signal { system(TOUCH, marker) } },
  'autoload' => lambda do |marker|
    File.write("#{marker}.rb", "Autoloaded = system('#{TOUCH}', '#{marker}')")
    Object.autoload(:Autoloaded, "#{marker}.rb")
    Object.const_get(:Autoloaded).tap { Object.send(:remove_const, :Autoloaded) }
  end,
  'script' => lambda do |marker|
    File.write("#{marker}.sh", "#!/bin/sh\n: > #{marker}\n")
    File.chmod(0o755, "#{marker}.sh")
    system("#{marker}.sh")
  end,
  'other_ruby' => ->(marker) { system({ 'RUBYOPT' => '-rfileutils' }, RbConfig.ruby, '-e', "FileUtils.touch('#{marker}')") },
  'syscall_execve' => lambda do |marker|
    in_child { syscall(RUBY_PLATFORM.start_with?('x86_64') ? 59 : 221, *touch(marker).map(&:to_i)) }
  end,
  'fiddle_system' => ->(marker) { native('system', pointer).call(": > #{marker}") },
  'fiddle_execv' => lambda do |marker|
    in_child do
      native('execv', pointer, pointer).call(*touch(marker).first(2))
      exit!(Fiddle.last_error)
    end
  end,
  'fiddle_execve' => lambda do |marker|
    in_child do
      native('execve', pointer, pointer, pointer).call(*touch(marker))
      exit!(Fiddle.last_error)
    end
  end,
  'fiddle_popen' => lambda do |marker|
    opened = Fiddle::Function.new(libc['popen'], [pointer, pointer], pointer).call(": > #{marker}", 'r')
    opened.null? ? Fiddle.last_error : native('pclose', pointer).call(opened)
  end,
  'fiddle_posix_spawn' => lambda do |marker|
    path, arguments, environment = touch(marker)
    child = Fiddle::Pointer.malloc(4, Fiddle::RUBY_FREE)
    error = native('posix_spawn', *[pointer] * 6).call(child, path, nil, nil, arguments, environment)
    Process.wait(child[0, 4].unpack1('l')) if error.zero?
    error
  end,
  'fiddle_dlsym' => lambda do |marker|
    found = Fiddle::Function.new(libc['dlsym'], [pointer, pointer], pointer).call(nil, 'system')
    Fiddle::Function.new(found, [pointer], Fiddle::TYPE_INT).call(": > #{marker}")
  end,
  'fiddle_other_namespace' => lambda do |marker|
    open_in = Fiddle::Function.new(libc['dlmopen'], [Fiddle::TYPE_LONG, pointer, Fiddle::TYPE_INT], pointer)
    handle = open_in.call(-1, 'libc.so.6', 2)
    found = Fiddle::Function.new(libc['dlsym'], [pointer, pointer], pointer).call(handle, 'system')
    Fiddle::Function.new(found, [pointer], Fiddle::TYPE_INT).call(": > #{marker}")
  end,
  'fiddle_syscall' => lambda do |marker|
    number = RUBY_PLATFORM.start_with?('x86_64') ? 59 : 221
    in_child do
      native('syscall', Fiddle::TYPE_LONG, pointer, pointer, pointer).call(number, *touch(marker))
      exit!(Fiddle.last_error)
    end
  end,
  'fiddle_callback' => lambda do |marker|
    # C calls Ruby, which starts the program.
    called = nil
    compare = Class.new(Fiddle::Closure) { define_method(:call) { |_, _| called = Kernel.system(TOUCH, marker); 0 } }
    size = Fiddle::TYPE_SIZE_T
    closure = compare.new(Fiddle::TYPE_INT, [pointer, pointer])
    Fiddle::Function.new(libc['qsort'], [pointer, size, size, pointer], Fiddle::TYPE_VOID).call('ba', 2, 1, closure)
    called
  end
}.freeze

