import Dispatch
import Glibc
import Synchronization

/// Writes log lines to standard error on a thread of its own: a reader that stands still must not stop the relay.
///
/// What does not fit into the buffer is left out and counted.
final class LogWriter: Sendable {
    static let shared = LogWriter()

    private struct State {
        var pending: [UInt8] = []
        var leftOut = 0
        var isWriting = false
    }

    private static let bufferBytes = 1024 * 1024

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")

    func write(_ line: String) {
        let starts = state.withLock { state in
            guard state.pending.count + line.utf8.count < LogWriter.bufferBytes else {
                state.leftOut += 1
                return false
            }
            if state.leftOut > 0 {
                state.pending += Array("\(state.leftOut) log lines left out: their reader was too slow\n".utf8)
                state.leftOut = 0
            }
            state.pending += Array(line.utf8)
            state.pending.append(UInt8(ascii: "\n"))
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if starts { queue.async { self.drain() } }
    }

    /// Waits until all lines are out, a second at most.
    func flush() {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + .seconds(1))
    }

    private func drain() {
        while true {
            let bytes = state.withLock { state in
                defer {
                    state.isWriting = !state.pending.isEmpty
                    state.pending.removeAll(keepingCapacity: true)
                }
                return state.pending
            }
            if bytes.isEmpty { return }
            Output.write(bytes, to: STDERR_FILENO)
        }
    }
}
