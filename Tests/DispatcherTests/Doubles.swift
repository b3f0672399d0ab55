import Relay
import Synchronization

/// Keeps each request until the test answers it.
final class ScriptedSender: Sender {
    struct Call: Sendable {
        let number: Int
        let key: Int64
        let destination: String
        let request: OutgoingRequest
        let completion: @Sendable (AttemptResult) -> Void
    }

    private struct State {
        var open: [Call] = []
        var total = 0
        var peaks: [String: Int] = [:]
    }

    let executor: any SerialExecutor
    private let state = Mutex(State())

    init(executor: any SerialExecutor) { self.executor = executor }

    /// Requests that wait for their answer, oldest first.
    var open: [Call] { state.withLock(\.open) }
    var total: Int { state.withLock(\.total) }
    func open(_ destination: String) -> [Call] { open.filter { $0.destination == destination } }
    /// The most requests that were open to a destination at once.
    func peak(_ destination: String) -> Int { state.withLock { $0.peaks[destination] ?? 0 } }

    func send(_ request: OutgoingRequest, completion: @escaping @Sendable (AttemptResult) -> Void) {
        let destination = request.headers.first { $0.name == "Relay-Destination" }?.value ?? ""
        let id = request.headers.first { $0.name == "webhook-id" }.flatMap { EventID($0.value) }
        state.withLock { state in
            state.total += 1
            state.open.append(
                Call(
                    number: state.total, key: Int64(id?.low ?? 0), destination: destination, request: request,
                    completion: completion))
            let count = state.open.count { $0.destination == destination }
            state.peaks[destination] = max(state.peaks[destination] ?? 0, count)
        }
    }

    /// The call is no longer open; its completion is the caller's to call.
    func close(_ call: Call) {
        state.withLock { state in state.open.removeAll { $0.number == call.number } }
    }

    /// What the end of a process does: nobody waits for an answer any more.
    func crash() { state.withLock { $0.open = [] } }
}

/// Takes dead letters, or fails to, now or when the test lets go.
final class ScriptedDeadLetters: DeadLetterSink {
    struct DiskFull: Error {}

    private struct State {
        var letters: [DeadLetter] = []
        var isFailing = false
        var isHoldingBack = false
        var heldBack: [Work] = []
    }

    private struct Work {
        let run: @Sendable () -> Void
        let letter: DeadLetter
    }

    private let state = Mutex(State())

    var letters: [DeadLetter] { state.withLock(\.letters) }
    var heldBackCount: Int { state.withLock(\.heldBack.count) }
    func fail(_ isFailing: Bool) { state.withLock { $0.isFailing = isFailing } }
    func holdBack() { state.withLock { $0.isHoldingBack = true } }

    func letGo() {
        let heldBack = state.withLock { state in
            defer { state.heldBack = [] }
            state.isHoldingBack = false
            return state.heldBack
        }
        for work in heldBack { work.run() }
    }

    /// What the end of a process does: of the files under way the first `durable` are there, and nobody is told.
    func crash(durable: Int) {
        state.withLock { state in
            state.letters += state.heldBack.prefix(durable).map(\.letter)
            state.heldBack = []
            state.isHoldingBack = false
        }
    }

    func write(_ letter: DeadLetter, completion: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        let isHeldBack = state.withLock { state in
            if state.isHoldingBack {
                state.heldBack.append(Work(run: { self.finish(letter, completion) }, letter: letter))
            }
            return state.isHoldingBack
        }
        if !isHeldBack { finish(letter, completion) }
    }

    private func finish(_ letter: DeadLetter, _ completion: @Sendable (Result<Void, any Error>) -> Void) {
        let isFailing = state.withLock { state in
            if !state.isFailing { state.letters.append(letter) }
            return state.isFailing
        }
        completion(isFailing ? .failure(DiskFull()) : .success(()))
    }
}
