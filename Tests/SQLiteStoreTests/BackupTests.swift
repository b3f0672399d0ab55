import Foundation
import GRDB
import Relay
import SQLiteStore
import Testing

@Suite struct BackupTests {
    @Test func aCopyMadeUnderLoadHoldsWhatWasAnsweredBefore() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        defer { store.close() }
        var before: [EventID] = []
        for number in 0..<200 {
            before.append(try await store.accepted(makeOffer("\(number)", to: ["crm"], at: 0)).id)
        }
        for number in 200..<1200 { store.accept(makeOffer("\(number)", to: ["crm"], at: 0)) { _ in } }
        let copy = Sandbox()
        try FileManager.default.createDirectory(atPath: copy.directory, withIntermediateDirectories: true)
        let report = try StoreBackup.run(directory: sandbox.directory, to: copy.database, replaces: false)
        #expect(report.counts.matched >= 200 && report.counts.agree)
        let restored = try copy.open()
        defer { restored.close() }
        let leased = try await restored.leased("crm", 10_000, now: 0).deliveries
        #expect(Set(leased.map(\.event.id)).isSuperset(of: before))
        #expect(leased.count == report.counts.pending)
    }

    @Test func aCopyReplacesNoFileUnasked() async throws {
        let sandbox = try await Sandbox.filled(3)
        let file = sandbox.directory + "/copy.sqlite"
        _ = try StoreBackup.run(directory: sandbox.directory, to: file, replaces: false)
        #expect { try StoreBackup.run(directory: sandbox.directory, to: file, replaces: false) } throws: {
            ($0 as? StoreOpenError)?.exitCode == 73
        }
        _ = try StoreBackup.run(directory: sandbox.directory, to: file, replaces: true)
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(!FileManager.default.fileExists(atPath: file + ".tmp"))
    }

    @Test func damageIsNotBackedUp() async throws {
        let sandbox = try await Sandbox.filled(30)
        try sandbox.meddle { try $0.execute(sql: "DELETE FROM events WHERE id = 2") }
        let file = sandbox.directory + "/copy.sqlite"
        #expect { try StoreBackup.run(directory: sandbox.directory, to: file, replaces: false) } throws: {
            ($0 as? StoreOpenError)?.kind == .damaged
        }
        #expect(!FileManager.default.fileExists(atPath: file))
        #expect(!FileManager.default.fileExists(atPath: file + ".tmp"))
    }
}
