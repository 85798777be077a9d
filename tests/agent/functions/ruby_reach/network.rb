# frozen_string_literal: true

# Every way of Ruby's own to reach an address, a name or a port.
require 'fiddle'
require 'net/http'
require 'open-uri'
require 'openssl'
require 'resolv'
require 'socket'

NETWORK = {
  'tcp_socket' => ->(to) { TCPSocket.new(to['ip'], to['port']).close },
  'socket_connect' => ->(to) { Socket.new(:INET, :STREAM).connect(Socket.sockaddr_in(to['port'], to['ip'])) },
  'socket_connect_nonblock' => lambda do |to|
    socket = Socket.new(:INET, :STREAM)
    socket.connect_nonblock(Socket.sockaddr_in(to['port'], to['ip']), exception: false)
    socket.wait_writable(1)
  end,
  'socket_tcp' => ->(to) { Socket.tcp(to['ip'], to['port'], &:close) },
  'addrinfo_connect' => ->(to) { Addrinfo.tcp(to['ip'], to['port']).connect(&:close) },
  'net_http' => ->(to) { Net::HTTP.get_response(URI("http://#{to['ip']}:#{to['port']}/")).code },
  'open_uri' => ->(to) { URI.parse("http://#{to['ip']}:#{to['port']}/").open.read },
  'thread' => ->(to) { Thread.new { TCPSocket.new(to['ip'], to['port']).close }.value },
  'udp_send' => ->(to) { UDPSocket.new.send('x', 0, to['ip'], to['port']) },
  'udp_connected' => ->(to) { UDPSocket.new.tap { |socket| socket.connect(to['ip'], to['port']) }.send('x', 0) },
  'socket_sendmsg' => ->(to) { Socket.new(:INET, :DGRAM).sendmsg('x', 0, Addrinfo.udp(to['ip'], to['port'])) },
  'resolv_dns' => lambda do |to|
    dns = Resolv::DNS.new(nameserver_port: [[to['ip'], to['port']]])
    dns.timeouts = 0.2
    dns.getaddresses('some.example').size
  end,
  'lookup_addrinfo' => ->(to) { Addrinfo.getaddrinfo(to['name'], nil).size },
  'lookup_tcp_socket' => ->(to) { TCPSocket.new(to['name'], to['port']).close },
  'lookup_ip_socket' => ->(to) { IPSocket.getaddress(to['name']) },
  'lookup_resolv' => lambda do |to|
    dns = Resolv::DNS.new
    dns.timeouts = 0.5
    dns.getaddresses(to['name']).size
  end,
  'tcp_server' => ->(to) { TCPServer.new('0.0.0.0', to['listen']) },
  'socket_listen' => lambda do |to|
    Socket.new(:INET, :STREAM).tap { |it| it.bind(Socket.sockaddr_in(to['listen'], '0.0.0.0')) }.listen(1)
  end,
  'tcp_server_sockets' => ->(to) { Socket.tcp_server_sockets('0.0.0.0', to['listen']) },
  'tls' => ->(to) { OpenSSL::SSL::SSLContext.new.then { |it| OpenSSL::SSL::SSLSocket.open(to['ip'], to['port'], context: it) }.close },
  'fiber' => ->(to) { Fiber.new { TCPSocket.new(to['ip'], to['port']).close }.resume },
  # In a child: where a Ractor was, ObjectSpace shows no sockets any more.
  'ractor' => lambda do |to|
    of_child do
      Ractor.new(to['ip'], to['port']) { |ip, port| TCPSocket.new(ip, port).close }.take
    rescue Ractor::RemoteError => e
      raise e.cause
    end
  end,
  'fork' => ->(to) { of_child { TCPSocket.new(to['ip'], to['port']).close } },
  'udp_bound' => ->(to) { UDPSocket.new.tap { |it| it.bind('0.0.0.0', to['listen']) } },
  'lookup_ip_addrinfo' => ->(to) { Addrinfo.ip(to['name']).ip_address.size },
  'lookup_net_http' => ->(to) { Net::HTTP.get(URI("http://#{to['name']}:#{to['port']}/")).size },
  'lookup_gethostbyname' => ->(to) { TCPSocket.gethostbyname(to['name']).size },
  'syscall_connect' => lambda do |to|
    socket = Socket.new(:INET, :STREAM)
    syscall(RUBY_PLATFORM.start_with?('x86_64') ? 42 : 203, socket.fileno, address(to).to_i, 16)
  end,
  'fiddle_connect' => lambda do |to|
    types = [Fiddle::TYPE_INT, Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT]
    connect = Fiddle::Function.new(Fiddle.dlopen(nil)['connect'], types, Fiddle::TYPE_INT)
    result = connect.call(Socket.new(:INET, :STREAM).fileno, address(to), 16)
    raise SystemCallError.new(nil, Fiddle.last_error) if result.negative?
  end
}.freeze

# Raises in the parent what the block raised in the child.
def of_child
  child = fork do
    yield
    exit!(0)
  rescue SystemCallError => e
    exit!(e.class::Errno)
  end
  number = Process.wait2(child)[1].exitstatus
  raise SystemCallError.new(nil, number) unless number.zero?
end

def address(to)
  Fiddle::Pointer[Socket.sockaddr_in(to['port'], to['ip'])]
end
