# frozen_string_literal: true

# Loads functions as the Lambda runtime does and tells what happened; the Ruby twin of probe.py, with the same jobs and
# the same answers. Changes nothing in a function's files.
#
# The platform gets the wrapper exactly if its call runs one line of the user's file, which calls Twistlock.handler,
# before anything else of the user's does: a call is watched from outside by TracePoint.
require 'json'

Context = Struct.new(:aws_request_id, :function_name)
CONTEXT = Context.new('6bc28136-xmpl-4365-b021-0ce6b2e64ab0', 'golden')
REQUIRE = %r{\Arequire_relative '[./]*twistlock/twistlock'\s*(?:#.*)?\z}.freeze

# Calls a handler as aws_lambda_ric's LambdaHandler does.
class LambdaHandler
  def initialize(setting)
    parts = setting.split('.')
    raise ArgumentError, "Invalid handler #{parts}" unless [2, 3].include?(parts.size)

    @file = parts.first
    @method = parts.last
    @constant = parts[1] if parts.size == 3
  end

  attr_reader :file

  # Resolving the constant may load a file (autoload); the client does it in each call.
  def target
    @constant ? Kernel.const_get(@constant) : self
  end

  def call(event)
    target.__send__(@method, event: event, context: CONTEXT)
  end
end

def status
  defined?(Twistlock) ? Twistlock.status : nil
end

# Notes each line of the user's files as it runs, and whether the agent had started by then.
class Trace
  attr_reader :early, :files

  def initialize(root)
    @root = root
    @early = []
    @files = Hash.new(0)
    @lines = {}
  end

  def own?(path)
    path.start_with?("#{@root}/") && !path.start_with?("#{@root}/twistlock/")
  end

  def line(point)
    return unless own?(point.path)

    @lines[point.path] ||= File.binread(point.path).lines
    text = @lines[point.path][point.lineno - 1].to_s.delete_prefix("\xEF\xBB\xBF".b).strip
    return if text.match?(REQUIRE)

    name = point.path.delete_prefix("#{@root}/")
    @files[name] += 1
    @early << [name, point.lineno] if status.nil?
  end

  # Whether a call came to Twistlock.handler from the first line of the user's that ran.
  def wrapped?(events)
    first = events.index { |kind, _| kind == :agent }
    !first.nil? && events[0...first].count { |kind, _| kind == :line } <= 1
  end

  def watch
    events = []
    point = TracePoint.new(:line, :call) do |it|
      if it.event == :call
        events << [:agent, it.method_id] if it.self.equal?(agent) && it.method_id == :handler
      elsif own?(it.path)
        events << [:line, it.lineno]
      end
    end
    answer = point.enable { yield }
    [answer, wrapped?(events)]
  end

  def agent
    defined?(Twistlock) ? Twistlock : self
  end
end

def line_of(at)
  File.file?(at.path.to_s) ? File.binread(at.path).lines[at.lineno - 1].to_s.scrub.strip : ''
end

def call(handler, event, root)
  { 'answer' => JSON.parse(JSON.generate([handler.call(event)])).first }
rescue StandardError => e
  frames = e.backtrace_locations.map { |at| [at.path.to_s.delete_prefix("#{root}/"), at.label, line_of(at)] }
  ours = frames.each_index.select { |at| frames[at].first.start_with?('twistlock/') }
  # The wrapper's own frames stand in the user's file: below ours, and above if it hands on with a block.
  above = ours.map { |at| at - 1 }.select { |at| frames[at].last.include?('(*arguments, **keywords, &block) }') }
  ours += ours.map { |at| at + 1 } + above
  own = frames.each_index.reject { |at| ours.include?(at) || frames[at].first.start_with?('/', '<') }
  own = own.map { |at| frames[at].first(2) }
  { 'raises' => "#{e.class}: #{e.message.lines.first.chomp}", 'frames' => own }
end

def run(job)
  root = job['root']
  Dir.chdir(root)
  $LOAD_PATH.unshift(root)
  trace = Trace.new(root)
  handlers = {}
  error = nil
  begin
    TracePoint.new(:line) { |point| trace.line(point) }.enable do
      job['handlers'].each do |setting|
        handlers[setting] = LambdaHandler.new(setting)
        require handlers[setting].file
        handlers[setting].target
      end
    end
  rescue StandardError, ScriptError => e
    error = "#{e.class}: #{e.message}"
  end
  wrapped = job['handlers'].to_h { |setting| [setting, true] }
  answers = error ? [] : job['events'].map do |setting, event|
    answer, through = trace.watch { call(handlers[setting], event, root) }
    wrapped[setting] &&= through
    answer
  end
  wrapped.each_key { |setting| wrapped[setting] = false unless job['events'].any? { |name, _| name == setting } }
  { error: error, early: trace.early.uniq, files: trace.files, status: status, wrapped: wrapped, answers: answers,
    reason: defined?(Twistlock) ? Twistlock.reason : nil }
end

def in_own_process(job)
  reading, writing = IO.pipe
  child = fork do
    reading.close
    $stdout.reopen($stderr)
    result = begin
      run(job)
    rescue Exception => e # rubocop:disable Lint/RescueException
      { probe: e.full_message }
    end
    writing.write(JSON.generate(result))
    writing.close
    exit!(0)
  end
  writing.close
  text = reading.read
  Process.wait(child)
  JSON.parse(text)
end

# For a Ruby that can't fork: what a job defined and loaded is taken away before the next.
def in_turn(job)
  features, path, constants = $LOADED_FEATURES.dup, $LOAD_PATH.dup, Object.constants
  methods = Object.private_instance_methods(false) + Object.instance_methods(false)
  begin
    run(job)
  rescue Exception => e # rubocop:disable Lint/RescueException
    { probe: e.full_message }
  end
ensure
  $LOADED_FEATURES.replace(features)
  $LOAD_PATH.replace(path)
  (Object.constants - constants).each { |name| Object.send(:remove_const, name) }
  added = Object.private_instance_methods(false) + Object.instance_methods(false) - methods
  added.each { |name| Object.send(:remove_method, name) }
end

puts JSON.generate(JSON.parse($stdin.read).map { |job| in_own_process(job) }) if __FILE__ == $PROGRAM_NAME
