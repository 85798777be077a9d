# frozen_string_literal: true

# A function that attacks, and does ordinary things: each event names a way. An attack would create the marker file.
require 'pathname'
require_relative 'around'
require_relative 'ordinary'
require_relative 'processes'

ATTACKS = { **WAYS, **SHIM, **MEMORY, **AROUND }.freeze
raise KeyError, 'one name for two ways' if (ORDINARY.keys & ATTACKS.keys).any?

def handler(event:, context:)
  raise KeyError, context.aws_request_id if event == 'raise'
  return event unless event.is_a?(Hash) && event['way']
  return { 'value' => ORDINARY.fetch(event['way']).call } if ORDINARY.key?(event['way'])

  { 'value' => ATTACKS.fetch(event['way']).call(event['marker']) }
rescue SystemCallError => e
  { 'raised' => e.class.name, 'errno' => e.class::Errno }
end
