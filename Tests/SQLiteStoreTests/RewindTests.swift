import GRDB
import Relay
import Synchronization
import Testing

@testable import SQLiteStore

@Suite struct RewindTests {
    @Test(arguments: [false, true])
    func aDatabaseThatHoldsMoreThanWasToldIsFetchedAgain(isChanged: Bool) throws {
        let sandbox = Sandbox()
        let engine = try StoreEngine(
            directory: try StateDirectory(sandbox.directory), limits: StoreLimits(), isVerified: true,
            onTrouble: { _ in })
        let rewinds = Mutex(0)
        engine.onRewind = { rewinds.withLock { $0 += 1 } }
        engine.dropConnection()
        if isChanged { try sandbox.meddle { try $0.execute(sql: "UPDATE totals SET duplicates = 1") } }
        #expect(engine.usableConnection() != nil)
        #expect(rewinds.withLock { $0 } == (isChanged ? 1 : 0))
    }
}
