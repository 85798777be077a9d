# frozen_string_literal: true

module Twistlock
  # Settings of the agent, written anew when it is embedded.
  #
  # What happens when the core can not be loaded or TW_POLICY is invalid: "open" runs the function
  # unprotected, after one line on stderr; "closed" fails every invocation.
  ON_FAILURE = 'open'
end
