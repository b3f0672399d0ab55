import ArgumentParser
import Glibc
import Relay

/// Why a file could not be read.
struct FileFault: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    var description: String { "\(path): \(reason)" }

    /// Without the path.
    var reason: String {
        switch code {
        case EFBIG: "too large"
        case EINVAL: "not a regular file"
        default: String(cString: strerror(code))
        }
    }

    /// 77 where this user may not read it, else 66.
    var exitCode: ExitCode { code == EACCES || code == EPERM ? ExitStatus.noPermission : ExitStatus.noInput }
}

/// Says in one line why a file cannot be read, and ends the command with the code for it.
func explainingFaults<Value>(_ body: () throws(FileFault) -> Value) throws -> Value {
    do throws(FileFault) { return try body() } catch {
        Output.words(printable("gruveo-relay: \(error)"))
        throw error.exitCode
    }
}

enum Files {
    /// The largest file that is read as a whole, as the JSON parser's limit is.
    static let mostBytes = 16 * 1024 * 1024

    /// The bytes of a regular file, or of standard input for `-`.
    ///
    /// - Throws: `FileFault` with the errno; EFBIG where it is larger than `limit` bytes.
    static func read(_ path: String, limit: Int = mostBytes) throws(FileFault) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileFault(path: path, code: errno) }
        defer { if path != "-" { close(descriptor) } }
        var status = stat()
        if path != "-" {
            guard fstat(descriptor, &status) == 0 else { throw FileFault(path: path, code: errno) }
            // A FIFO would wait for ever, a directory has no bytes.
            if status.st_mode & S_IFMT == S_IFDIR { throw FileFault(path: path, code: EISDIR) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw FileFault(path: path, code: EINVAL) }
            // Nor is it read up to the limit first: the allocator of each thread that did would keep that memory.
            guard status.st_size <= limit else { throw FileFault(path: path, code: EFBIG) }
        }
        return try drain(descriptor, path: path, limit: limit)
    }

    /// What is left to read of an open file.
    static func drain(_ descriptor: Int32, path: String, limit: Int = mostBytes) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFault(path: path, code: errno)
            }
            bytes.append(contentsOf: buffer[..<count])
            if bytes.count > limit { throw FileFault(path: path, code: EFBIG) }
        }
    }

    /// Replaces a file as a whole: a reader, or a start after a power cut, finds the old bytes or the new ones.
    static func replace(_ path: String, with bytes: [UInt8]) throws(FileFault) {
        let temporary = "\(path).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileFault(path: temporary, code: errno) }
        defer { close(descriptor) }
        try fill(descriptor, with: bytes, path: temporary)
        guard rename(temporary, path) == 0 else { throw FileFault(path: path, code: errno) }
        try synchronizeDirectory(directory(of: path))
    }

    /// Makes a file, mode 0600, that was not there before: EEXIST otherwise, also for a link that leads nowhere.
    static func create(_ path: String, with bytes: [UInt8]) throws(FileFault) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault(path: path, code: errno) }
        defer { close(descriptor) }
        do throws(FileFault) { try fill(descriptor, with: bytes, path: path) } catch {
            unlink(path)
            throw error
        }
        try synchronizeDirectory(directory(of: path))
    }

    /// All bytes, on disk.
    private static func fill(_ descriptor: Int32, with bytes: [UInt8], path: String) throws(FileFault) {
        try write(bytes, to: descriptor, path: path)
        guard fsync(descriptor) == 0 else { throw FileFault(path: path, code: errno) }
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(FileFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw FileFault(path: path, code: errno)
            }
        }
    }

    /// A rename is not durable until its directory is synced.
    static func synchronizeDirectory(_ path: String) throws(FileFault) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFault(path: path, code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileFault(path: path, code: errno) }
    }

    /// The folder that a path is in.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// A variable of the environment, nil where it is unset.
func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// The time of day.
func wallClock() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}
