internal import Dispatch
internal import GRDB
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
    }

    private let queue = DispatchQueue(label: "store.keeper")
    private let connection: DatabaseQueue
    private let mark: MarkFile
    private let state: Mutex<State>
    private let onTrouble: @Sendable (StoreTrouble) -> Void

    init(
        path: String, mark: MarkFile, highest: Int64, onTrouble: @escaping @Sendable (StoreTrouble) -> Void
    ) throws {
        self.mark = mark
        self.onTrouble = onTrouble
        state = Mutex(State(highest: highest, written: highest))
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(1)
        connection = try DatabaseQueue(path: path, configuration: configuration)
        try connection.writeWithoutTransaction { try Connection.configure($0) }
        try mark.write(highest: highest)
    }

    /// Moves all that the WAL holds into the database, whose sync then covers it (G3 of hard-facts: after a crash the
    /// WAL in the kernel's memory may hold frames that an earlier failed sync left behind).
    func truncate() throws {
        _ = try connection.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }

    /// Told after each commit.
    func committed(frames: Int, highest: Int64) {
        let (checkpoint, timeMark) = state.withLock { state in
            state.highest = highest
            if frames < state.lastFrames { state.dueFrames = Self.passiveFrames }
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

    private func checkpoint(frames: Int) {
        do {
            try connection.writeWithoutTransaction { database in
                _ = try database.checkpoint(.passive)
                if frames >= Self.restartFrames { _ = try database.checkpoint(.restart) }
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
            try mark.write(highest: highest)
            state.withLock { $0.written = highest }
        } catch { onTrouble(.upkeepFailed(error.description)) }
    }

    /// Writes what is due and closes its connection; the writer is closed before.
    func close() {
        queue.sync {
            writeMark()
            state.withLock { $0.isClosed = true }
            do {
                try truncate()
                try connection.close()
            } catch { onTrouble(.upkeepFailed(SQLiteFailure(error).message)) }
        }
    }
}
