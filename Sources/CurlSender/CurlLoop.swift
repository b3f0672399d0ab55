internal import CCurl
internal import Glibc
internal import Synchronization

/// A serial executor with a thread of its own, which is also the thread that drives libcurl.
///
/// It takes turns: run what was enqueued, let libcurl work, sleep until a socket, a timer or `enqueue` wakes it.
/// Once its thread has ended it still keeps an executor's promise: what is enqueued runs, on a short-lived thread.
package final class CurlLoop: SerialExecutor {
    /// What the owner wants after its turn.
    enum Next {
        /// Another turn at once.
        case again
        /// To sleep, unless something happens, for this many milliseconds.
        case sleep(milliseconds: Int32)
        /// No further turn.
        case end
    }

    private enum Item {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private enum Phase {
        case awake
        case asleep
        case ended
        case draining
    }

    private struct Inbox {
        var items: [Item] = []
        var phase = Phase.awake
    }

    private let inbox = Mutex(Inbox())
    /// The pthread_t on which the loop runs now, 0 for none.
    private let currentThread = Atomic<UInt>(0)
    private let joinable = Mutex<pthread_t?>(nil)
    // SAFETY: used on the loop's thread only, but for curl_multi_wakeup, which libcurl allows from any thread and which
    // is called only in phase `asleep`, that is before the loop frees the handle.
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer

    init(multi: UnsafeMutableRawPointer) { self.multi = multi }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) { append(.job(UnownedJob(job))) }

    /// Runs the body on the loop, after all that was enqueued before.
    func execute(_ body: @escaping @Sendable () -> Void) { append(.call(body)) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    package func checkIsolated() { precondition(isCurrent, "not on the thread of libcurl") }

    /// Whether the caller is on the loop's thread.
    var isCurrent: Bool { currentThread.load(ordering: .relaxed) == pthread_self() }

    private func append(_ item: Item) {
        let before = inbox.withLock { inbox in
            let phase = inbox.phase
            inbox.items.append(item)
            if phase == .asleep { inbox.phase = .awake }
            if phase == .ended { inbox.phase = .draining }
            return phase
        }
        switch before {
        case .asleep: curl_multi_wakeup(multi)
        case .ended: pthread_detach(startThread { $0.drain() })
        case .awake, .draining: break
        }
    }

    // MARK: The thread

    /// Starts the thread; `turn` is called on it until it returns `end`, then `atEnd`.
    /// - Parameter turn: told whether sockets may be ready.
    func start(turn: @escaping @Sendable (_ isReady: Bool) -> Next, atEnd: @escaping @Sendable () -> Void) {
        let thread = startThread { loop in
            loop.run(turn)
            atEnd()
        }
        joinable.withLock { $0 = thread }
    }

    /// Waits for the thread's last instructions; to be called after `atEnd`. A second call does nothing.
    func join() {
        if let thread = joinable.withLock({ $0.take() }) { pthread_join(thread, nil) }
    }

    private func run(_ turn: (Bool) -> Next) {
        currentThread.store(pthread_self(), ordering: .relaxed)
        var isReady = true
        repeat {
            runItems()
            switch turn(isReady) {
            case .again: isReady = false
            case .sleep(let milliseconds): isReady = sleep(milliseconds: milliseconds)
            case .end:
                curl_multi_cleanup(multi)
                return drain()
            }
        } while true
    }

    /// Runs what there is and then leaves the executor without a thread.
    private func drain() {
        currentThread.store(pthread_self(), ordering: .relaxed)
        repeat { runItems() } while !hasEnded()
    }

    private func hasEnded() -> Bool {
        inbox.withLock { inbox in
            guard inbox.items.isEmpty else { return false }
            currentThread.store(0, ordering: .relaxed)
            inbox.phase = .ended
            return true
        }
    }

    private func runItems() {
        var items: [Item] = []
        inbox.withLock { swap(&$0.items, &items) }
        for item in items {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .call(let body): body()
            }
        }
    }

    /// Returns whether sockets may be ready or a timer of libcurl has run out, rather than only an item waiting.
    private func sleep(milliseconds: Int32) -> Bool {
        let maySleep = inbox.withLock { inbox in
            guard inbox.items.isEmpty else { return false }
            inbox.phase = .asleep
            return true
        }
        var ready: Int32 = 0
        curl_multi_poll(multi, nil, 0, maySleep ? milliseconds : 0, &ready)
        let wasWoken = inbox.withLock { inbox in
            defer { inbox.phase = .awake }
            return inbox.phase == .awake
        }
        return ready > 0 || (maySleep && !wasWoken)
    }

    private func startThread(_ body: @escaping @Sendable (CurlLoop) -> Void) -> pthread_t {
        startSignalFreeThread(name: "curl") { body(self) }
    }
}

/// Runs the body on a new thread that takes no signals: SIGPIPE would end the process, the others are for others.
/// - Returns: the thread, to be joined or detached.
func startSignalFreeThread(name: String, _ body: @escaping @Sendable () -> Void) -> pthread_t {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(ThreadBody(name: name, body: body))
    let code = withSignalsBlocked {
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let box = Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
                relay_name_thread(box.name)
                box.body()
                return nil
            }, box.toOpaque())
    }
    precondition(code == 0, "no thread: error \(code)")
    return thread
}

private func withSignalsBlocked<Value>(_ body: () -> Value) -> Value {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return body()
}

private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
