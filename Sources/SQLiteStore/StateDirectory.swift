internal import Glibc

/// A call of the operating system that failed.
struct SystemFailure: Error, CustomStringConvertible {
    let code: Int32
    let description: String

    /// Takes `errno` of the call just made.
    init(_ verb: String, _ path: String) {
        code = errno
        description = "cannot \(verb) \(path): \(String(cString: strerror(code)))"
    }

    /// What the command line is told.
    var openError: StoreOpenError {
        switch code {
        case EACCES, EPERM: StoreOpenError(.permission, description)
        case EIO, ENOSPC, EDQUOT, EMFILE, ENFILE: StoreOpenError(.inputOutput, description)
        default: StoreOpenError(.cannotCreate, description)
        }
    }
}

/// The directory that one process at a time may keep its state in. The lock ends with the process, however it ends.
final class StateDirectory: Sendable {
    let path: String
    private let lock: Int32

    var database: String { path + "/queue.sqlite" }
    /// What a repair makes of the database, until it takes its place.
    var repaired: String { path + "/repair.sqlite" }
    var mark: MarkFile { MarkFile(path: path + "/queue.mark") }

    /// Makes the directory if need be and takes its lock.
    init(_ path: String) throws(StoreOpenError) {
        self.path = path
        do { lock = try Self.openLock(path) } catch { throw error.openError }
        try Self.take(lock, path)
    }

    private static func openLock(_ path: String) throws(SystemFailure) -> Int32 {
        if mkdir(path, 0o700) != 0 && errno != EEXIST { throw SystemFailure("make", path) }
        let lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw SystemFailure("open", path + "/lock") }
        return lock
    }

    private static func take(_ lock: Int32, _ path: String) throws(StoreOpenError) {
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            let failure = SystemFailure("lock", path + "/lock")
            let holder = holder(lock)
            guard isHeld else { throw failure.openError }
            let name = holder.map { "process \($0)" } ?? "another process"
            throw StoreOpenError(.alreadyRunning(processID: holder), "\(name) holds \(path)")
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(lock, 0)
        _ = pwrite(lock, text, text.count, 0)
    }

    private static func holder(_ lock: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(lock, &bytes, bytes.count, 0)
        return Int(String(decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    deinit { Glibc.close(lock) }

    /// Lets the next process in.
    func unlock() { flock(lock, LOCK_UN) }

    /// Makes a directory's entries durable (G4 of hard-facts).
    static func sync(_ path: String) throws(SystemFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open", path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemFailure("sync", path) }
    }

    /// An empty file for the owner only, where there is none.
    static func makeFile(_ path: String) throws(SystemFailure) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemFailure("make", path) }
        Glibc.close(descriptor)
    }

    /// Gives what root has made to the owner of the state directory, who has to use it.
    static func adopt(_ path: String, as owner: String) throws(SystemFailure) {
        guard geteuid() == 0 else { return }
        var information = stat()
        guard stat(owner, &information) == 0, chown(path, information.st_uid, information.st_gid) == 0 else {
            throw SystemFailure("change the owner of", path)
        }
    }

    static func syncFile(_ path: String) throws(SystemFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open", path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemFailure("sync", path) }
    }

    /// The process that holds the directory's lock; 0 where that is unknown, nil where nobody does.
    static func lockHolder(_ path: String) -> Int? {
        let lock = open(path + "/lock", O_RDONLY | O_CLOEXEC)
        guard lock >= 0 else { return nil }
        defer { Glibc.close(lock) }
        guard flock(lock, LOCK_SH | LOCK_NB) != 0 else { return nil }
        return errno == EWOULDBLOCK ? holder(lock) ?? 0 : nil
    }

    /// Bytes that an ordinary user may still write; nil where the system does not say.
    static func freeBytes(_ path: String) -> UInt64? {
        var information = statvfs()
        guard statvfs(path, &information) == 0 else { return nil }
        return UInt64(information.f_bavail) * UInt64(information.f_frsize)
    }

    /// Which file a path leads to; nil where to none.
    static func identity(_ path: String) -> FileIdentity? {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        return FileIdentity(device: information.st_dev, inode: information.st_ino)
    }

    /// Makes sure that there is a database to be read.
    ///
    /// - Throws: where the file is missing or empty, or lies where this user may not look.
    static func requireContents(_ path: String) throws(StoreOpenError) {
        let size: Int64
        do { size = try databaseSize(path) } catch { throw error.openError }
        guard size > 0 else { throw StoreOpenError(.databaseMissing, "\(path) is missing or empty") }
    }

    /// Size in bytes; 0 where there is not one page. Such a file is never opened: SQLite moves the WAL beside it into
    /// it before it calls it damaged, and beside one of a single byte it deletes the WAL, which may hold all events
    /// (`unixFileSize` in its os_unix.c).
    static func databaseSize(_ path: String) throws(SystemFailure) -> Int64 {
        let size = try size(path) ?? 0
        return size < FirstPage.size ? 0 : size
    }

    /// Size in bytes; nil where there is no such file.
    static func size(_ path: String) throws(SystemFailure) -> Int64? {
        var information = stat()
        guard stat(path, &information) != 0 else { return Int64(information.st_size) }
        guard errno == ENOENT || errno == ENOTDIR else { throw SystemFailure("look at", path) }
        return nil
    }
}

/// A file whatever its name: it tells that somebody has put another one in its place.
struct FileIdentity: Equatable {
    let device: dev_t
    let inode: ino_t
}
