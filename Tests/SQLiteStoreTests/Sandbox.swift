import Foundation
import GRDB
import Relay
import SQLiteStore
import Synchronization

/// A state directory that is gone after the test, and what the store reported in it.
final class Sandbox: Sendable {
    let directory: String
    private let troubles = Mutex<[StoreTrouble]>([])

    init() {
        directory = NSTemporaryDirectory() + "/store-" + UUID().uuidString
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var database: String { directory + "/queue.sqlite" }
    var reported: [StoreTrouble] { troubles.withLock { $0 } }

    func open(_ change: (inout StoreOptions) -> Void = { _ in }) throws -> EmbeddedStore {
        var options = StoreOptions(directory: directory)
        options.limits.freeSpaceBytes = 0
        change(&options)
        return try EmbeddedStore(options) { trouble in self.troubles.withLock { $0.append(trouble) } }
    }

    /// One in which so many events wait and no store is open.
    static func filled(_ count: Int, to destinations: [String] = ["crm"]) async throws -> Sandbox {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        for number in 0..<count { _ = try await store.accepted(makeOffer("\(number)", to: destinations, at: 0)) }
        store.close()
        return sandbox
    }

    /// A store whose fresh deliveries are collected.
    func underTest() throws -> StoreUnderTest {
        let store = try open()
        let fresh = FreshBox()
        store.handOver(to: { fresh.add($0) }, onRewind: {})
        return StoreUnderTest(store: store, fresh: fresh) {
            store.close()
            return try self.underTest()
        }
    }

    /// What another program sees or changes in the database.
    func meddle<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let queue = try DatabaseQueue(path: database)
        defer { try? queue.close() }
        return try queue.writeWithoutTransaction(body)
    }

    /// Breaks a page of the database, or from so many of its bytes on so many.
    func overwrite(page: Int, from offset: Int = 0, with byte: UInt8 = 0xA5, count: Int = 4096) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: database))
        try handle.seek(toOffset: UInt64((page - 1) * 4096 + offset))
        try handle.write(contentsOf: Data(repeating: byte, count: count))
        try handle.close()
    }

    /// Copies the files as they are, as a crash would leave them.
    func crashed() throws -> Sandbox {
        let copy = Sandbox()
        try FileManager.default.createDirectory(atPath: copy.directory, withIntermediateDirectories: true)
        for name in ["queue.sqlite", "queue.sqlite-wal", "queue.mark"] {
            try? FileManager.default.copyItem(atPath: directory + "/" + name, toPath: copy.directory + "/" + name)
        }
        return copy
    }
}
