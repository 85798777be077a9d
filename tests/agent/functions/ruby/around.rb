# frozen_string_literal: true

# Ruby's own ways to get rid of the agent, each of which then starts a program; and those around the hooks.
require_relative 'ways'

# Changes of Ruby's objects; the policy is enforced below Ruby. Each leaves its process as no other way may find it.
SHIM = {
  'shim_redefined' => lambda do |marker|
    Twistlock.define_singleton_method(:handler) { |event:, context:, &block| block.call(event: event, context: context) }
    system(TOUCH, marker)
  end,
  'shim_removed' => lambda do |marker|
    Object.send(:remove_const, :Twistlock)
    $LOADED_FEATURES.reject! { |path| path.include?('/twistlock/') }
    system(TOUCH, marker)
  end,
  'shim_loaded_again' => lambda do |marker|
    ENV['TW_POLICY'] = ENV.fetch('ATTACK_POLICY')
    Object.send(:remove_const, :Twistlock) if defined?(Twistlock)
    Dir['twistlock/{core,twistlock}.rb'].each { |path| load(path) }
    system(TOUCH, marker)
  end,
  'shim_core_called' => lambda do |marker|
    found = ObjectSpace.each_object(Module).find { |it| it.name == 'Twistlock::Core' }
    20.times { found&.send(:tell_begin, '') }
    system(TOUCH, marker)
  end,
  'library_closed' => lambda do |marker|
    found = ObjectSpace.each_object(Module).find { |it| it.name == 'Twistlock::Core' }
    handle = found&.instance_variable_get(:@handle)
    handle&.enable_close
    handle&.close
    5.times { native('dlclose', pointer).call(handle.to_i) } if handle
    system(TOUCH, marker)
  end,
  'fiddle_redefined' => lambda do |marker|
    Fiddle::Function.class_eval { define_method(:call) { |*| 0 } }
    system(TOUCH, marker)
  end,
  'fiddle_removed' => lambda do |marker|
    Object.send(:remove_const, :Fiddle)
    GC.start
    system(TOUCH, marker)
  end,
  'trace_point' => ->(marker) { TracePoint.new(:call, :c_call) { |it| it.path }.enable { system(TOUCH, marker) } },
  'prepended' => lambda do |marker|
    Twistlock.singleton_class.prepend(Module.new { def handler(event:, context:) = yield(event: event, context: context) })
    system(TOUCH, marker)
  end,
  'policy_unset' => ->(marker) { ENV.delete('TW_POLICY'); system({ 'TW_POLICY' => nil, 'LD_PRELOAD' => nil }, TOUCH, marker) },
  'policy_changed' => ->(marker) { ENV['TW_POLICY'] = ENV.fetch('ATTACK_POLICY'); system(TOUCH, marker) },
  'second_core' => lambda do |marker|
    core&.call('tw_start_flat', ENV.fetch('ATTACK_POLICY'), Dir.pwd, 'ruby', '', "\0" * 512, 512)
    system(TOUCH, marker)
  end,
  'interface_end' => lambda do |marker|
    20.times { core&.call('tw_invocation_end') }
    system(TOUCH, marker)
  end
}.freeze

# Writing the agent's memory: by the file that is memory, and by asking the kernel for the pages of the policy.
MEMORY = {
  'memory_open' => ->(marker) { written(marker) { |at| File.open('/proc/self/mem', 'r+b') { |it| it.seek(at); it.syswrite('y') } } },
  'memory_sysopen' => lambda do |marker|
    written(marker) { |at| IO.for_fd(IO.sysopen("/proc/#{Process.pid}/mem", File::RDWR)).tap { |it| it.sysseek(at) }.syswrite('y') }
  end,
  'memory_write' => ->(marker) { written(marker) { |at| File.write('/proc/thread-self/mem', 'y', at) } },
  'memory_pathname' => ->(marker) { written(marker) { |at| Pathname.new('/proc/self/task/../mem').binwrite('y', at) } },
  'memory_child' => lambda do |marker|
    written(marker) { |at| error = in_child { File.write("/proc/#{Process.ppid}/mem", 'y', at) }; raise SystemCallError.new(nil, error) if error != 0 }
  end,
  'pages_protection' => lambda do |marker|
    policies { |start, size| checked(native('mprotect', pointer, Fiddle::TYPE_SIZE_T, Fiddle::TYPE_INT).call(start, size, 3)) }
    system(TOUCH, marker)
  end,
  'pages_unmapped' => lambda do |marker|
    policies { |start, size| checked(native('munmap', pointer, Fiddle::TYPE_SIZE_T).call(start, size)) }
    system(TOUCH, marker)
  end,
  'pages_protection_by_number' => lambda do |marker|
    policies { |start, size| syscall(RUBY_PLATFORM.start_with?('x86_64') ? 10 : 226, start, size, 3) }
    system(TOUCH, marker)
  end
}.freeze

# Machine code of the attacker's, and a C library that nobody hooked.
AROUND = {
  'around_machine_code' => lambda do |marker|
    in_child { Fiddle::Function.new(code(SYSTEM_CALL), [pointer] * 3, Fiddle::TYPE_LONG).call(*touch(marker)) }
  end,
  'around_second_c_library' => lambda do |marker|
    File.binwrite("#{marker}.so", File.binread(File.read('/proc/self/maps')[%r{/\S*/libc[.-]\S*}]))
    Fiddle::Function.new(Fiddle.dlopen("#{marker}.so")['system'], [pointer], Fiddle::TYPE_INT).call(": > #{marker}")
  end
}.freeze

# execve's number into the register for it, the system call, return.
SYSTEM_CALL = [RUBY_PLATFORM.start_with?('x86_64') ? 'b83b0000000f05c3' : 'a81b80d2010000d4c0035fd6'].pack('H*').freeze

# The protected function has the agent's module already.
Twistlock = Module.new unless defined?(Twistlock)

# Calls functions of the agent's own library; nil where there is none.
def core
  path = Dir["#{Dir.pwd}/twistlock/libdefender-linux-#{RUBY_PLATFORM[/\A\w+?(?=-)/]}"].first
  return unless path

  lambda do |name, *given|
    types = given.map { |one| one.is_a?(Integer) ? Fiddle::TYPE_SIZE_T : pointer }
    Fiddle::Function.new(Fiddle.dlopen(path)[name], types, Fiddle::TYPE_INT).call(*given)
  end
end

# Changes one byte of the process's own by the block, and leaves the marker where it changed.
def written(marker)
  text = Fiddle::Pointer[+'x']
  yield text.to_i
  File.write(marker, '') if text[0, 1] == 'y'
end

def checked(result)
  raise SystemCallError.new(nil, Fiddle.last_error) if result.negative?

  result
end

# The mappings of no file that can only be read, and hold the name of the policy's rule.
def policies
  rule = ENV.fetch('ATTACK_RULE', '')
  File.readlines('/proc/self/maps').map(&:split).select { |it| it.size == 5 && it[1].start_with?('r--') }.each do |it|
    start, stop = it[0].split('-').map(&:hex)
    yield start, stop - start if !rule.empty? && Fiddle::Pointer.new(start, stop - start)[0, stop - start].include?(rule)
  end
end

# A page of memory with these instructions.
def code(instructions)
  map = Fiddle::Function.new(libc['mmap'], [pointer, Fiddle::TYPE_SIZE_T, *[Fiddle::TYPE_INT] * 3, Fiddle::TYPE_LONG], pointer)
  page = map.call(nil, 4096, 7, 0x22, -1, 0)
  page[0, instructions.bytesize] = instructions
  page
end
