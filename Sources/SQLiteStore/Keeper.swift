internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import Synchronization

/// Checkpoints and writes the high-water file from a thread and a connection of its own, off the commit path.
///
/// Its connection also keeps the WAL's index alive while the writer is reopened after a failed sync: without it the
/// reopening would recover from the WAL and take frames for good that may not be on disk.
final class Keeper: Sendable {
    /// About 4 MiB of WAL: checkpoint beside the writer.
    static let passiveFrames = 1_000
    /// About 64 MiB: hold the writer for a moment so that the WAL starts anew.
    static let restartFrames = 16_000
    private static let restartWaitMilliseconds: Int32 = 10
    private static let waitMilliseconds: Int32 = 1_000
    private static let markDelay = DispatchTimeInterval.seconds(1)

    private struct State {
        var highest: Int64
        var written: Int64
        var isMarkTimed = false
        /// A timer that goes off later must not write over the mark of the next store.
        var isClosed = false
        var isCheckpointing = false
        var dueFrames = Keeper.passiveFrames
        var lastFrames = 0
        /// How many of these are in the database already.
        var copiedFrames = 0
    }

    private let queue = DispatchQueue(label: "store.keeper")
    private let path: String
    private let connection: DatabaseQueue
    private let mark: MarkFile
    private let state: Mutex<State>
    private let onTrouble: @Sendable (StoreTrouble) -> Void

    init(
        path: String, mark: MarkFile, highest: Int64, onTrouble: @escaping @Sendable (StoreTrouble) -> Void
    ) throws {
        self.path = path
        self.mark = mark
        self.onTrouble = onTrouble
        state = Mutex(State(highest: highest, written: highest))
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(Double(Self.waitMilliseconds) / 1000)
        connection = try DatabaseQueue(path: path, configuration: configuration)
        try connection.writeWithoutTransaction { try Connection.configure($0) }
        // From here on a crash is one: the next start checks the database.
        try mark.write(Mark(highest: highest))
    }

    /// Moves all that the WAL holds into the database, whose sync then covers it (G3 of hard-facts: after a crash the
    /// WAL in the kernel's memory may hold frames that an earlier failed sync left behind).
    ///
    /// A reader of another process, such as a backup, keeps the WAL as long as it is; what is in it is then in the
    /// database as well.
    func truncate() throws {
        try connection.writeWithoutTransaction { database in
            do { _ = try database.checkpoint(.truncate) } catch let error as DatabaseError
                where error.resultCode == .SQLITE_BUSY
            {
                _ = try database.checkpoint(.passive)
            }
        }
    }

    /// Told after each commit.
    func committed(frames: Int, highest: Int64) {
        let (checkpoint, timeMark) = state.withLock { state in
            state.highest = highest
            if frames < state.lastFrames { (state.dueFrames, state.copiedFrames) = (Self.passiveFrames, 0) }
            state.lastFrames = frames
            let checkpoint = frames >= state.dueFrames && !state.isCheckpointing
            if checkpoint { state.isCheckpointing = true }
            let timeMark = !state.isMarkTimed && state.highest != state.written
            if timeMark { state.isMarkTimed = true }
            return (checkpoint, timeMark)
        }
        if checkpoint { queue.async { self.checkpoint(frames: frames) } }
        if timeMark { queue.asyncAfter(deadline: .now() + Self.markDelay) { self.writeMark() } }
    }

    /// What of the WAL is not in the database yet, in bytes.
    var uncopiedBytes: UInt64 { state.withLock { UInt64(max(0, $0.lastFrames - $0.copiedFrames) * FirstPage.size) } }

    private func checkpoint(frames: Int) {
        do {
            try connection.writeWithoutTransaction { database in
                let copied = try database.checkpoint(.passive).checkpointedFrameCount
                state.withLock { $0.copiedFrames = min(copied, $0.lastFrames) }
                guard frames >= Self.restartFrames else { return }
                // It waits for readers with the writer locked out: a backup must not become a stand-still.
                sqlite3_busy_timeout(database.sqliteConnection, Self.restartWaitMilliseconds)
                defer { sqlite3_busy_timeout(database.sqliteConnection, Self.waitMilliseconds) }
                _ = try database.checkpoint(.restart)
            }
        } catch {
            let failure = SQLiteFailure(error)
            if failure.primaryCode != ResultCode.SQLITE_BUSY.rawValue { onTrouble(.upkeepFailed(failure.message)) }
        }
        state.withLock { state in
            state.isCheckpointing = false
            state.dueFrames = state.lastFrames + Self.passiveFrames
        }
    }

    private func writeMark() {
        let due: Int64? = state.withLock { state in
            state.isMarkTimed = false
            return state.isClosed ? nil : state.highest
        }
        guard let highest = due else { return }
        do throws(SystemFailure) {
            try mark.write(Mark(highest: highest))
            state.withLock { $0.written = highest }
        } catch { onTrouble(.upkeepFailed(error.description)) }
    }

    /// Closes its connection and writes the mark; the writer is closed before.
    /// - Parameter isSound: whether the next start may do without a check of the database.
    func close(isSound: Bool) {
        queue.sync {
            writeMark()
            let highest = state.withLock { state in
                state.isClosed = true
                return state.highest
            }
            do {
                try truncate()
                try connection.close()
                if isSound { try mark.write(Mark(highest: highest, closed: FileStamp(path))) }
            } catch { onTrouble(.upkeepFailed(SQLiteFailure(error).message)) }
        }
    }
}
