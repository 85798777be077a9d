# frozen_string_literal: true

# The documented loop of a Lambda runtime, for tests: it resolves and calls the handler, and reports errors, as the public
# client aws_lambda_ric 3.1.3 does (lambda_handler.rb, lambda_errors.rb), which no registry of the tests carries.
require 'json'
require 'net/http'
require 'stringio'

Context = Struct.new(:aws_request_id, :invoked_function_arn, :function_name, :deadline_ms)

# What is called on `file.method`; `file.Constant.method` is called on the constant.
class LambdaHandler
  attr_reader :handler_file_name

  def initialize(setting)
    parts = setting.split('.')
    raise ArgumentError, "Invalid handler #{parts}" unless [2, 3].include?(parts.size)

    @handler_file_name = parts.first
    @handler_method_name = parts.last
    @handler_class = parts[1] if parts.size == 3
  end

  def call_handler(request:, context:)
    opts = { event: request, context: context }
    target = @handler_class ? Kernel.const_get(@handler_class) : self
    target.__send__(@handler_method_name, **opts).to_json
  end
end

API = "http://#{ENV.fetch('AWS_LAMBDA_RUNTIME_API')}/2018-06-01/runtime"

def post(path, document)
  Net::HTTP.post(URI("#{API}/#{path}"), document, { 'Content-Type' => 'application/json' })
end

def described(error, kind)
  { errorMessage: error.message, errorType: "#{kind}<#{error.class}>",
    stackTrace: (error.backtrace_locations || []).map(&:to_s).take_while { |line| !line.start_with?(__FILE__) } }.to_json
end

begin
  $LOAD_PATH.unshift(Dir.pwd)
  handler = LambdaHandler.new(ENV.fetch('_HANDLER'))
  require handler.handler_file_name
rescue Exception => e # rubocop:disable Lint/RescueException
  post('init/error', described(e, 'Init'))
  exit(-4)
end

loop do
  uri = URI("#{API}/invocation/next")
  event = Net::HTTP.start(uri.host, uri.port, read_timeout: 1000) { |http| http.get(uri.path) }
  id = event['Lambda-Runtime-Aws-Request-Id']
  exit unless id
  begin
    context = Context.new(id, event['Lambda-Runtime-Invoked-Function-Arn'], ENV['AWS_LAMBDA_FUNCTION_NAME'])
    answer = handler.call_handler(request: JSON.parse(event.body), context: context)
    post("invocation/#{id}/response", answer)
  rescue NameError => e
    post("invocation/#{id}/error", described(e, 'Function'))
    exit(-1)
  rescue StandardError => e
    post("invocation/#{id}/error", described(e, 'Function'))
  end
end
