internal import GRDB
internal import Glibc

/// The first page of a new database, which holds its header and its schema, for one whose own is broken.
///
/// They say the same in every database of a version. `auto_vacuum` keeps the roots of tables and indexes together, in
/// the order in which they were made, behind the map of pages, so that later versions and whatever else was written
/// have not moved them.
struct FirstPage {
    static let size = 4096

    private let bytes: [UInt8]
    private let schema: [Row]

    /// - Parameter scratch: a file that is made for it, and removed.
    private init(version: Int, scratch: String) throws {
        defer { unlink(scratch) }
        let queue = try DatabaseQueue(path: scratch)
        schema = try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try Schema.migrate(database, to: version)
            return try Self.schema(database)
        }
        bytes = try Self.read(scratch, page: 1)
    }

    /// Copies a database whose first page is broken, and its WAL, and gives the copy a new one, or one of zeros where
    /// it has no whole page and the WAL has to tell all. False where the page is as it should be, or where no version's
    /// fits the pages behind it; then there is no copy.
    static func mend(_ old: String, into copy: String) throws -> Bool {
        let size = try StateDirectory.size(old) ?? 0
        if size < Self.size { return try leaveItToTheWAL(old, copy) }
        let schema = try? DatabaseQueue(salvaging: old).unsafeRead { try Self.schema($0) }
        let start = try read(old, page: 1)
        let versions = try (1...Schema.version).reversed().map { try FirstPage(version: $0, scratch: copy) }
        if versions.contains(where: { $0.schema == schema && $0.agrees(withHeader: start, of: size) }) { return false }
        guard let page = try versions.first(where: { try $0.fits(old) }) else { return false }
        for suffix in ["", "-wal"] { try StoreOpening.copyFile(old + suffix, copy + suffix) }
        let descriptor = open(copy, O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        // Without a count of pages SQLite takes that of the file.
        let bytes = page.bytes[..<28] + [0, 0, 0, 0] + page.bytes[32...]
        guard bytes.withUnsafeBytes({ pwrite(descriptor, $0.baseAddress, $0.count, 0) }) == Self.size else {
            throw SystemFailure("write", copy)
        }
        return true
    }

    /// Beside an empty database SQLite deletes the WAL; beside a page of zeros it takes all that the WAL has.
    private static func leaveItToTheWAL(_ old: String, _ copy: String) throws -> Bool {
        guard try (StateDirectory.size(old + "-wal") ?? 0) > 0 else { return false }
        try StateDirectory.makeFile(copy)
        guard truncate(copy, off_t(size)) == 0 else { throw SystemFailure("write", copy) }
        try StoreOpening.copyFile(old + "-wal", copy + "-wal")
        return true
    }

    private static func schema(_ database: Database) throws -> [Row] {
        try Row.fetchAll(database, sql: "SELECT type, name, rootpage, sql FROM sqlite_schema ORDER BY rootpage")
    }

    /// Name, page size, reserved space and text encoding are its own, and no page of the file is left uncounted.
    private func agrees(withHeader start: [UInt8], of size: Int64) -> Bool {
        guard start.count == bytes.count else { return false }
        let count = start[28..<32].reduce(0) { $0 << 8 | Int64($1) }
        return [0..<18, 20..<24, 56..<60].allSatisfy { start[$0] == bytes[$0] } && count >= size / Int64(Self.size)
    }

    /// Whether a database has its roots where this page says that they are, and no others.
    private func fits(_ path: String) throws -> Bool {
        // Five bytes a page, from the third page on; the first one is 1 for a root (sqlite.org/fileformat2.html).
        let map = try Self.read(path, page: 2)
        guard map.count == Self.size, map[schema.count * 5] != 1 else { return false }
        return try schema.enumerated().allSatisfy { index, row in
            let kinds: [UInt8] = row["type"] == "table" ? [5, 13] : [2, 10]
            let kind = try Self.read(path, page: index + 3).first ?? 0
            return row["rootpage"] == index + 3 && map[index * 5] == 1 && kinds.contains(kind)
        }
    }

    /// A page, or what there is of it.
    static func read(_ path: String, page: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open", path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = pread(descriptor, &bytes, size, off_t((page - 1) * size))
        guard count >= 0 else { throw SystemFailure("read", path) }
        return Array(bytes[..<count])
    }
}

extension DatabaseQueue {
    /// A connection that only reads, for a database that may be damaged.
    convenience init(salvaging path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        // Nothing is written through it. SQLite refuses a file that is shorter than its header says, but not with this.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA writable_schema = ON") }
        try self.init(path: path, configuration: configuration)
    }
}
