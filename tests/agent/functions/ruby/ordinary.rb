# frozen_string_literal: true

# What functions do that attack nobody: each answers as it does unprotected.
require 'json'
require 'net/http'
require 'openssl'
require 'tempfile'
require_relative 'ways'

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
