internal import Glibc

/// The small file beside the database that says that there is one, and how far it went: whoever empties or shortens
/// the database cannot do it unseen. Fixed length, so that it is overwritten in place within one disk sector.
struct MarkFile: Sendable {
    enum Content: Equatable {
        case absent
        case unreadable
        /// The highest event row that was durable at the time of writing.
        case highest(Int64)
    }

    private static let heading = "gruveo-relay queue 1\nhighest "
    private static let digits = 20

    let path: String

    func read() throws(SystemFailure) -> Content {
        // A FIFO in its place would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        if descriptor < 0 && errno == ENOENT { return .absent }
        guard descriptor >= 0 else { throw SystemFailure("read", path) }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw SystemFailure("read", path) }
        return Self.decode(bytes[..<count])
    }

    /// On disk, with its directory where the file is new, when it returns.
    func write(highest: Int64) throws(SystemFailure) {
        let isNew = access(path, F_OK) != 0
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemFailure("write", path) }
        defer { Glibc.close(descriptor) }
        let bytes = Self.encode(highest)
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, fsync(descriptor) == 0 else {
            throw SystemFailure("write", path)
        }
        if isNew { try StateDirectory.sync(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])) }
    }

    private static func encode(_ highest: Int64) -> [UInt8] {
        let number = String(max(0, highest))
        return Array((heading + String(repeating: "0", count: digits - number.utf8.count) + number + "\n").utf8)
    }

    private static func decode(_ bytes: ArraySlice<UInt8>) -> Content {
        let number = bytes.dropFirst(heading.utf8.count).dropLast()
        guard bytes.starts(with: heading.utf8), bytes.last == UInt8(ascii: "\n"), number.count == digits,
            let highest = Int64(String(decoding: number, as: UTF8.self))
        else { return .unreadable }
        return .highest(highest)
    }
}
