# frozen_string_literal: true

# A function that reaches for denied addresses and files: each event names a way, an address with its ports, and a folder.
require 'fileutils'
require 'json'
require 'net/http'
require 'open-uri'
require 'pathname'
require 'resolv'
require 'socket'
require 'tempfile'

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
  'tcp_server_sockets' => ->(to) { Socket.tcp_server_sockets('0.0.0.0', to['listen']) }
}.freeze

FILES = {
  'file_read' => ->(at) { File.read("#{at}/secret") },
  'file_open' => ->(at) { File.open("#{at}/secret", &:read) },
  'file_foreach' => ->(at) { File.foreach("#{at}/secret").to_a.join },
  'io_read' => ->(at) { IO.read("#{at}/secret") },
  'io_binread' => ->(at) { IO.binread("#{at}/secret") },
  'io_sysopen' => ->(at) { IO.for_fd(IO.sysopen("#{at}/secret")).read },
  'io_copy_stream' => ->(at) { IO.copy_stream("#{at}/secret", '/dev/null') },
  'kernel_open' => ->(at) { open("#{at}/secret", &:read) },
  'pathname_read' => ->(at) { Pathname.new(at).join('secret').read },
  'link_outside' => ->(at) { File.read("#{at}.link/secret") },
  'load' => ->(at) { load("#{at}/code.rb") },
  'dir_children' => ->(at) { Dir.children(at).sort },
  'dir_open' => ->(at) { Dir.open(at) { |it| it.each_child.sort } },
  'file_write' => ->(at) { File.write("#{at}/new", 'x') },
  'io_write' => ->(at) { IO.write("#{at}/new", 'x') },
  'pathname_write' => ->(at) { Pathname.new(at).join('new').write('x') },
  'fileutils_touch' => ->(at) { FileUtils.touch("#{at}/new") },
  'fileutils_copy' => ->(at) { FileUtils.cp(__FILE__, "#{at}/new") },
  'fileutils_move' => ->(at) { FileUtils.mv("#{at}/secret", "#{at}/new") },
  'fileutils_remove' => ->(at) { FileUtils.rm("#{at}/secret") },
  'file_delete' => ->(at) { File.delete("#{at}/secret") },
  'file_rename' => ->(at) { File.rename("#{at}/secret", "#{at}/new") },
  'file_truncate' => ->(at) { File.truncate("#{at}/secret", 0) },
  'file_chmod' => ->(at) { File.chmod(0o600, "#{at}/secret") },
  'file_symlink' => ->(at) { File.symlink('/', "#{at}/new") },
  'file_link' => ->(at) { File.link("#{at}/secret", "#{at}/new") },
  'file_mkfifo' => ->(at) { File.mkfifo("#{at}/new") },
  'dir_mkdir' => ->(at) { Dir.mkdir("#{at}/new") },
  'dir_rmdir' => ->(at) { Dir.rmdir("#{at}/empty") },
  'tempfile' => ->(at) { Tempfile.new('new', at).unlink == false || true },
  'tempfile_create' => ->(at) { Tempfile.create('new', at).close }
}.freeze

def handler(event:, context:)
  way = NETWORK.key?(event['way']) ? NETWORK[event['way']] : FILES.fetch(event['way'])
  argument = NETWORK.key?(event['way']) ? event['to'] : event['at']
  result = way.call(argument)
  result = result.size if result.is_a?(Array)
  { 'value' => [String, Integer].include?(result.class) ? result : nil }
rescue SystemCallError => e
  { 'raised' => e.class.name }
rescue StandardError, ScriptError => e
  { 'raised' => e.class.name, 'cause' => e.message }
end
