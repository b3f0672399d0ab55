import Dispatcher
import Relay
import Synchronization

/// Runs jobs when the test says so, on the test's own thread: nothing happens behind its back.
final class ManualExecutor: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isRunning = false
    }

    private let state = Mutex(State())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
    }

    func isIsolatingCurrentContext() -> Bool? { state.withLock(\.isRunning) }

    func checkIsolated() { precondition(state.withLock(\.isRunning), "not on the executor") }

    /// Runs the body as if on the executor's thread, then all that it set off.
    func perform<Value>(_ body: () throws -> Value) rethrows -> Value {
        let wasRunning = state.withLock { state in
            defer { state.isRunning = true }
            return state.isRunning
        }
        defer { if !wasRunning { state.withLock { $0.isRunning = false } } }
        let value = try body()
        if !wasRunning { drain() }
        return value
    }

    private func drain() {
        while let job = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) {
            job.runSynchronously(on: asUnownedSerialExecutor())
        }
    }
}
