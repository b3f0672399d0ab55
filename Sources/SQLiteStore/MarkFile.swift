internal import Glibc

/// What `queue.mark` says.
struct Mark: Equatable {
    /// The highest event row that was durable at the time of writing.
    var highest: Int64
    /// The database as a clean stop left it; nil while a store is open, and so after a crash.
    var closed: FileStamp?
}

/// What tells whether somebody has written a file since: nobody changes it without a trace here, but for a disk that
/// forgets.
struct FileStamp: Equatable {
    let size: Int64
    let modifiedNanoseconds: Int64
    let inode: Int64

    init(size: Int64, modifiedNanoseconds: Int64, inode: Int64) {
        self.size = size
        self.modifiedNanoseconds = modifiedNanoseconds
        self.inode = inode
    }

    /// Nil where there is no such file.
    init?(_ path: String) {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        size = Int64(information.st_size)
        modifiedNanoseconds =
            Int64(information.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(information.st_mtim.tv_nsec)
        inode = Int64(truncatingIfNeeded: information.st_ino)
    }
}

/// The small file beside the database that says that there is one, how far it went, and whether it was closed in
/// order: whoever empties or shortens the database cannot do it unseen. Fixed length, so that it is overwritten in
/// place within one disk sector.
struct MarkFile: Sendable {
    enum Content: Equatable {
        case absent
        case unreadable
        case found(Mark)
    }

    private static let heading = "gruveo-relay queue 2\n"
    private static let digits = 20

    let path: String

    func read() throws(SystemFailure) -> Content {
        // A FIFO in its place would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        if descriptor < 0 && errno == ENOENT { return .absent }
        guard descriptor >= 0 else { throw SystemFailure("read", path) }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw SystemFailure("read", path) }
        return Self.decode(String(decoding: bytes[..<count], as: UTF8.self)).map(Content.found) ?? .unreadable
    }

    /// On disk, with its directory where the file is new, when it returns.
    func write(_ mark: Mark) throws(SystemFailure) {
        let isNew = access(path, F_OK) != 0
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemFailure("write", path) }
        defer { Glibc.close(descriptor) }
        let bytes = Array(Self.encode(mark).utf8)
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, fsync(descriptor) == 0 else {
            throw SystemFailure("write", path)
        }
        guard isNew else { return }
        // `dead discard` may be the first to write it, as root.
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        try StateDirectory.adopt(path, as: directory)
        try StateDirectory.sync(directory)
    }

    static func encode(_ mark: Mark) -> String {
        let stamp = mark.closed ?? FileStamp(size: 0, modifiedNanoseconds: 0, inode: 0)
        let numbers = [stamp.size, stamp.modifiedNanoseconds, stamp.inode].map(padded).joined(separator: " ")
        let text = heading + "highest \(padded(mark.highest))\nclosed \(numbers)\n"
        return text + "sum \(sum(text))\n"
    }

    static func decode(_ text: String) -> Mark? {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 11, let highest = Int64(words[4]), let size = Int64(words[6]),
            let modified = Int64(words[7]), let inode = Int64(words[8])
        else { return nil }
        var mark = Mark(highest: highest)
        if inode != 0 { mark.closed = FileStamp(size: size, modifiedNanoseconds: modified, inode: inode) }
        return encode(mark) == text ? mark : nil
    }

    private static func padded(_ number: Int64) -> String {
        let text = String(max(0, number))
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }

    /// FNV-1a (draft-eastlake-fnv): enough to see a changed digit.
    private static func sum(_ text: String) -> String {
        let value = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return padded(Int64(value >> 1))
    }
}
