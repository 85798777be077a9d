# frozen_string_literal: true

# Starts the native core when it is required, and runs the function's handler between the core's two calls.
#
# It is required as the manual says, as the first thing of the handler's file:
#
#     require_relative './twistlock/twistlock'
#
#     def handler(event:, context:)
#       Twistlock.handler(event: event, context: context) { |event:, context:| ... }
#     end
#
# or with a method, `Twistlock.handler(event: event, context: context, &method(:original_handler))`. No policy is read
# or judged here: that is the core's work. It runs on Ruby 2.7 and later, and needs nothing but the standard library.
require_relative 'core'

# The Serverless Defender's public names.
module Twistlock
  # Every invocation fails with this when the agent can't start and was embedded with ON_FAILURE = 'closed'.
  class NotProtectedError < RuntimeError; end

  class << self
    # "enforcing", "disabled" (there is nothing to enforce for this function) or "failed".
    attr_reader :status

    # Why, in one line.
    attr_reader :reason

    # Run the block as the handler of one event, and return what it returns.
    #
    # One method and no other stands on the stack while it runs: a stack trace shows every frame of ours.
    def handler(event:, context:)
      raise NotProtectedError, "this function may not run unprotected, and #{reason}" if @closed

      token = Core.begin(context)
      yield(event: event, context: context)
    ensure
      Core.end(token)
    end

    private

    # Start the core, or say why it can't be; nothing is raised.
    def start
      on_failure = settings
      begin
        @status, @reason = Core.start
      rescue StandardError, ScriptError => e
        @status = 'failed'
        @reason = "the agent could not start: #{e.message.split.join(' ')}"
        @closed = on_failure == 'closed'
        complain(@reason, on_failure)
      end
    end

    # "open" or "closed": what is to happen where the core can't start.
    def settings
      require_relative '_settings'
      ON_FAILURE
    rescue StandardError, ScriptError => e
      complain("twistlock/_settings.rb can't be read: #{e.class}", 'open')
      'open'
    end

    def complain(why, on_failure)
      consequence = on_failure == 'closed' ? 'every invocation will fail' : 'the function runs unprotected'
      line = "defender: NOT PROTECTED: #{why}; #{consequence} (on_failure = \"#{on_failure}\")\n"
      IO.for_fd(2, 'wb', autoclose: false).syswrite(line)
    rescue StandardError
      nil # Nobody listens, and there is no other place to say it.
    end
  end

  start
end
