import Glibc

/// An open directory. Everything below the state directory is reached through one, name by name and without following
/// a link, so that a command run as root cannot be led out of it.
struct DirectoryHandle: ~Copyable {
    private let descriptor: Int32
    /// For error messages, printable.
    let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Opens a directory that the administrator named; here links are followed.
    static func open(_ path: String) throws(FileError) -> DirectoryHandle {
        guard !path.utf8.contains(0) else { throw FileError("open", printable(path.utf8), code: EINVAL) }
        let descriptor = retrying { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw FileError("open", printable(path.utf8)) }
        return DirectoryHandle(descriptor: descriptor, path: printable(path.utf8))
    }

    /// Opens a directory in this one; nil where there is none of this name.
    func directory(_ name: FileName) throws(FileError) -> DirectoryHandle? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let opened = retrying { openat(descriptor, name.cString, flags) }
        if opened < 0, errno == ENOENT { return nil }
        guard opened >= 0 else { throw FileError("open", place(name)) }
        return DirectoryHandle(descriptor: opened, path: place(name))
    }

    /// Opens a directory in this one and makes it where it is missing: 0700, owner as this directory's.
    ///
    /// Its entry is not durable before `synchronize` on this directory, whoever made it.
    func makingDirectory(_ name: FileName) throws(FileError) -> DirectoryHandle {
        if let existing = try directory(name) { return existing }
        guard mkdirat(descriptor, name.cString, 0o700) == 0 || errno == EEXIST else {
            throw FileError("make the directory", place(name))
        }
        guard let made = try directory(name) else { throw FileError("open", place(name), code: ENOENT) }
        try adopt(made.descriptor, name)
        return made
    }

    /// Flushes the entries of this directory to the disk.
    func synchronize() throws(FileError) {
        guard retrying({ fsync(descriptor) }) == 0 else { throw FileError("fsync", path) }
    }

    /// How much room the file system has, in bytes.
    func freeBytes() throws(FileError) -> UInt64 {
        var information = statvfs()
        guard fstatvfs(descriptor, &information) == 0 else { throw FileError("look for room in", path) }
        return UInt64(information.f_bavail) * UInt64(information.f_frsize)
    }

    /// The status of this directory itself.
    func status() throws(FileError) -> FileStatus {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("read the status of", path) }
        return FileStatus(status)
    }

    /// The status of an entry, of a link itself; nil where there is none of this name.
    func status(of name: FileName) throws(FileError) -> FileStatus? {
        var status = stat()
        if fstatat(descriptor, name.cString, &status, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(status) }
        guard errno == ENOENT else { throw FileError("read the status of", place(name)) }
        return nil
    }

    /// All names but `.` and `..`, in the order of their bytes.
    func names() throws(FileError) -> [FileName] {
        // A descriptor of its own: closedir closes it, and the reading position is not shared.
        let copy = retrying { openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard copy >= 0 else { throw FileError("open", path) }
        guard let stream = fdopendir(copy) else {
            let code = errno
            close(copy)
            throw FileError("read", path, code: code)
        }
        defer { closedir(stream) }
        var names: [FileName] = []
        errno = 0
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes != Array(".".utf8), bytes != Array("..".utf8) { names.append(FileName(bytes: bytes)) }
            errno = 0
        }
        guard errno == 0 else { throw FileError("read", path) }
        return names.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    }

    func rename(_ name: FileName, to target: borrowing DirectoryHandle, as newName: FileName) throws(FileError) {
        guard renameat(descriptor, name.cString, target.descriptor, newName.cString) == 0 else {
            throw FileError("rename", place(name))
        }
    }

    /// Deletes a file; that it is gone already is no error.
    /// - Returns: whether there was one.
    @discardableResult
    func unlink(_ name: FileName) throws(FileError) -> Bool {
        if unlinkat(descriptor, name.cString, 0) == 0 { return true }
        guard errno == ENOENT else { throw FileError("delete", place(name)) }
        return false
    }

    func place(_ name: FileName) -> String { path + "/" + name.display }

    /// Gives what root made to the owner of this directory: the relay must be able to use it.
    private func adopt(_ made: Int32, _ name: FileName) throws(FileError) {
        guard geteuid() == 0 else { return }
        var parent = stat()
        guard fstat(descriptor, &parent) == 0, fchown(made, parent.st_uid, parent.st_gid) == 0 else {
            throw FileError("change the owner of", place(name))
        }
    }
}

// MARK: - Files

extension DirectoryHandle {
    /// Writes a file that is on disk as a whole or not at all: temporary file, fsync, rename, fsync of the directory.
    ///
    /// After a failed fsync nothing is tried again with the same file: its pages may count as clean without being on
    /// the disk. The caller starts anew, with a new file.
    func write(_ contents: [UInt8], as name: FileName) throws(FileError) {
        let temporary = name.unfinished
        try unlink(temporary)
        do {
            try writeTemporary(contents, as: temporary)
            try rename(temporary, to: self, as: name)
        } catch {
            // The first error is the one that tells; what stays behind is replaced by the next try.
            unlinkat(descriptor, temporary.cString, 0)
            throw error
        }
        try synchronize()
    }

    private func writeTemporary(_ contents: [UInt8], as name: FileName) throws(FileError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = retrying { openat(descriptor, name.cString, flags, 0o600) }
        guard file >= 0 else { throw FileError("create", place(name)) }
        defer { close(file) }
        try adopt(file, name)
        var written = 0
        while written < contents.count {
            let count = contents.withUnsafeBytes { bytes in
                Glibc.write(file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileError("write", place(name)) }
            written += count
        }
        guard retrying({ fsync(file) }) == 0 else { throw FileError("fsync", place(name)) }
    }

    /// A regular file's bytes, and its status when they had all been read; nil where the name is gone.
    /// - Throws: ELOOP for a link, EISDIR or ENXIO for what is no regular file, EFBIG beyond `limit` bytes.
    func read(_ name: FileName, limit: Int) throws(FileError) -> (bytes: [UInt8], status: FileStatus)? {
        // Non-blocking, or a FIFO without a writer would hold us; a device is not opened, its driver might act.
        guard let before = try status(of: name) else { return nil }
        guard before.kind != .other else { throw FileError("read", place(name), code: ENXIO) }
        let file = retrying { openat(descriptor, name.cString, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        if file < 0, errno == ENOENT { return nil }
        guard file >= 0 else { throw FileError("open", place(name)) }
        defer { close(file) }
        let status = try regularStatus(of: file, name)
        guard status.size <= limit else { throw FileError("read", place(name), code: EFBIG) }
        let bytes = try contents(of: file, name, expecting: Int(status.size), limit: limit)
        return (bytes, try regularStatus(of: file, name))
    }

    private func regularStatus(of file: Int32, _ name: FileName) throws(FileError) -> FileStatus {
        var raw = stat()
        guard fstat(file, &raw) == 0 else { throw FileError("read the status of", place(name)) }
        let status = FileStatus(raw)
        switch status.kind {
        case .regular: return status
        case .directory: throw FileError("read", place(name), code: EISDIR)
        case .symbolicLink, .other: throw FileError("read", place(name), code: ENXIO)
        }
    }

    private func contents(
        of file: Int32, _ name: FileName, expecting size: Int, limit: Int
    ) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size + 1)
        var filled = 0
        while true {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(file, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError("read", place(name)) }
            if count == 0 { break }
            filled += count
            guard filled <= limit else { throw FileError("read", place(name), code: EFBIG) }
            if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: bytes.count)) }
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }
}

/// Repeats a system call that a signal interrupted.
private func retrying(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
