# frozen_string_literal: true

module Twistlock
  # The native core: finds its library, starts it, and tells it when invocations begin and end.
  module Core
    FOLDER = __dir__.freeze
    # What tw_start answers (defender.h).
    DISABLED = 1
    ALREADY = -1
    # Request ids of what runs now, oldest first: handlers call each other, and run in threads.
    RUNNING = [] # rubocop:disable Style/MutableConstant
    private_constant :FOLDER, :DISABLED, :ALREADY, :RUNNING

    class << self
      # Return the status and the reason; raises where the core can't start.
      def start
        path = File.join(FOLDER, library)
        raise LoadError, "its library is missing: #{path}" unless File.exist?(path)
        raise LoadError, "its library is damaged: #{path}" unless whole?(path)

        load_fiddle
        # Kept for good: the library goes when its handle does.
        @handle = Fiddle::Handle.new(path, Fiddle::Handle::RTLD_NOW)
        result, why = start_core
        raise ArgumentError, why if result.negative? && result != ALREADY

        text = [Fiddle::TYPE_VOIDP]
        @end = function('tw_invocation_end', [], Fiddle::TYPE_VOID)
        @begin = function('tw_invocation_begin', text, Fiddle::TYPE_VOID)
        [result == DISABLED ? 'disabled' : 'enforcing', why]
      end

      # Tell the core that an invocation begins; returns what `end` is to be given.
      def begin(context)
        return unless @begin

        token = context.respond_to?(:aws_request_id) ? context.aws_request_id : nil
        token = token.is_a?(String) && !token.include?("\0") ? token : ''
        if !RUNNING.empty? && (token.empty? || token == RUNNING.last)
          token = RUNNING.last
        else
          tell_begin(token)
        end
        RUNNING.push(token)
        token
      rescue StandardError
        nil # The agent's own failure is no reason for the function to fail.
      end

      # Tell the core that the invocation of this token ended.
      def end(token)
        return unless token

        current = RUNNING.last
        RUNNING.delete_at(RUNNING.index(token))
        if RUNNING.empty?
          @end.call
        elsif RUNNING.last != current
          tell_begin(RUNNING.last)
        end
      rescue StandardError
        nil # As above.
      end

      private

      def tell_begin(token)
        @begin.call(token.empty? ? nil : token)
      end

      def start_core
        voidp = Fiddle::TYPE_VOIDP
        start = function('tw_start_flat', [voidp, voidp, voidp, voidp, voidp, Fiddle::TYPE_SIZE_T], Fiddle::TYPE_INT)
        message = "\0".b * 512
        result = start.call(ENV['TW_POLICY'], FOLDER, "ruby#{RUBY_VERSION[/\d+\.\d+/]}", readable, message, 512)
        [result, message.unpack1('Z*').force_encoding(Encoding::UTF_8).scrub]
      end

      # Where Ruby's own files come from: a policy that names the files which may be used need not name these.
      def readable
        folders = [*$LOAD_PATH.map(&:to_s), *(Gem.path if defined?(Gem))]
        folders << RbConfig::CONFIG['rubylibprefix'] if defined?(RbConfig)
        folders.compact.select { |folder| folder.start_with?('/') }.uniq.join(':')
      end

      # The library of this machine; raises LoadError where there is none.
      def library
        machine = RUBY_PLATFORM[/\A(x86_64|aarch64)-linux/, 1]
        raise LoadError, "it runs on Linux only, on x86_64 and aarch64, not on #{RUBY_PLATFORM}" unless machine
        raise LoadError, "this Ruby's C library is not glibc (musl, as in Alpine images, is not supported)" if musl?

        "libdefender-linux-#{machine}"
      end

      def musl?
        RUBY_PLATFORM.include?('musl')
      end

      # Whether the file ends where its ELF header says: the loader dies of a SIGBUS in one that was cut.
      def whole?(path)
        header = File.binread(path, 64)
        return false unless header && header.bytesize == 64 && header.start_with?("\x7fELF".b)

        # e_shoff, e_shentsize and e_shnum: the table of sections, which linkers put last.
        table = header[40, 8].unpack1('Q<')
        entry, count = header[58, 4].unpack('S<2')
        table + entry * count <= File.size(path)
      end

      # The extension alone, and not through RubyGems: that would activate the gem `fiddle` in the version that comes
      # with Ruby, and Bundler would fail later where the function's Gemfile.lock names another.
      def load_fiddle
        return if defined?(Fiddle::Function)

        plain = Kernel.respond_to?(:gem_original_require, true) ? :gem_original_require : :require
        send(plain, 'fiddle.so')
        return if Fiddle.respond_to?(:last_error=)

        # The extension notes errno after each call through this; fiddle.rb, if it comes, brings its own.
        Fiddle.define_singleton_method(:last_error=) { |number| Thread.current[:__FIDDLE_LAST_ERROR__] = number }
        # No warning is given for a method that is replaced if it has a second name.
        Fiddle.singleton_class.send(:alias_method, :twistlock_last_error=, :last_error=)
      end

      # A call of the core's as a Method, which stays what it is if another version of the extension is loaded.
      def function(name, arguments, result)
        address = @handle[name]
        abi = Fiddle::Function::DEFAULT
        begin
          # A call that gives the interpreter's lock away may wait for it behind busy threads.
          made = Fiddle::Function.new(address, arguments, result, abi, need_gvl: true)
        rescue ArgumentError, TypeError
          made = Fiddle::Function.new(address, arguments, result, abi) # fiddle 1.0.0, of Ruby 2.7
        end
        made.method(:call)
      end
    end
  end
  private_constant :Core
end
