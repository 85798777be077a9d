# frozen_string_literal: true

# Every way of Ruby's own to use a file.
require 'fiddle'
require 'fileutils'
require 'pathname'
require 'tempfile'

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
  'tempfile_create' => ->(at) { Tempfile.create('new', at).close },
  'io_open' => ->(at) { IO.open(IO.sysopen("#{at}/secret"), &:read) },
  'io_readlines' => ->(at) { IO.readlines("#{at}/secret").join },
  'file_stat_of_link' => ->(at) { File.open(File.realpath("#{at}.link/secret"), &:read) },
  'require' => ->(at) { require("#{at}/code.rb").to_s },
  'autoload' => ->(at) { Object.autoload(:Reached, "#{at}/constant.rb"); Reached.to_s },
  'dir_glob' => ->(at) { Dir.glob("#{at}/*").size.then { |it| it.zero? ? raise(Errno::EACCES) : it } },
  'dir_foreach' => ->(at) { Dir.foreach(at).count },
  'pathname_children' => ->(at) { Pathname.new(at).children.size },
  'pathname_unlink' => ->(at) { Pathname.new(at).join('secret').unlink },
  'fileutils_remove_all' => ->(at) { FileUtils.rm_r(at) },
  'fileutils_make_path' => ->(at) { FileUtils.mkdir_p("#{at}/new/deep") },
  'fileutils_link' => ->(at) { FileUtils.ln_s('/', "#{at}/new") },
  'fileutils_install' => ->(at) { FileUtils.install(__FILE__, "#{at}/new") },
  'file_utime' => ->(at) { File.utime(0, 0, "#{at}/secret") },
  'file_append' => ->(at) { File.open("#{at}/secret", 'a') { |it| it << 'x' } },
  'chdir' => ->(at) { Dir.chdir(at) { File.read('secret') } },
  'read_in_thread' => ->(at) { Thread.new { File.read("#{at}/secret") }.value },
  'syscall_open' => lambda do |at|
    number = syscall(RUBY_PLATFORM.start_with?('x86_64') ? 257 : 56, -100, "#{at}/secret", 0, 0)
    IO.for_fd(number).read
  end,
  'fiddle_open' => lambda do |at|
    opened = Fiddle::Function.new(Fiddle.dlopen(nil)['open'], [Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT], Fiddle::TYPE_INT)
    number = opened.call("#{at}/secret", 0)
    raise SystemCallError.new(nil, Fiddle.last_error) if number.negative?

    IO.for_fd(number).read
  end
}.freeze
