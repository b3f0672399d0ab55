internal import CCurl
internal import Glibc
package import Relay
internal import Synchronization

/// libcurl has no memory or no file descriptor left to start with.
package struct CurlUnavailable: Error {}

/// Sends requests with libcurl, on the one thread that is also its executor.
///
/// The thread lives until `shutdown`. An actor that shares `executor` starts requests and hears of results without a
/// change of thread.
package actor CurlSender: Sender {
    private let loop: CurlLoop
    // SAFETY: used on the loop's thread only; `turn` returns `end`, after which the loop frees it, only once nothing
    // is active, and no request is started after that.
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer
    private let userAgent: String

    private var active: [Transfer] = []
    /// Prepared transfers which `LookupGate` holds back.
    private var waiting: [Transfer] = []
    private var idle: [Transfer] = []
    /// Failed transfers for whose host `NameLookup` asks.
    private var inquiring: [ObjectIdentifier: Transfer] = [:]
    private var gate = LookupGate()
    private var lookUpCount = 0
    private let keptSockets = KeptSockets()
    private var hasNew = false

    private var isClosing = false
    private var hasEnded = false
    private var deadline = Int64.max
    /// Those who wait in `shutdown`.
    private nonisolated let onEnd = Mutex<[CheckedContinuation<Void, Never>]>([])

    private static let idleLimit = 256
    /// So many of the idle transfers are looked at for one that is set up for the same destination.
    private static let idleSearchLimit = 32
    private static let hostConnectionLimit = 64
    private static let totalConnectionLimit = 1024
    private static let idleConnectionLimit = 256
    /// The longest sleep; nothing depends on it.
    private static let sleepLimitMilliseconds: Int64 = 60_000

    static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Parameters:
    ///   - version: the relay's own, for the User-Agent.
    ///   - mostConnections: so many at most are open at once; what is beyond waits.
    package init(version: String, mostConnections: Int = .max) throws(CurlUnavailable) {
        guard CurlSender.isReady, let multi = curl_multi_init() else { throw CurlUnavailable() }
        relay_curl_multi_set_max_host_connections(multi, CurlSender.hostConnectionLimit)
        relay_curl_multi_set_max_total_connections(
            multi, min(CurlSender.totalConnectionLimit, mostConnections))
        relay_curl_multi_set_max_idle_connections(multi, CurlSender.idleConnectionLimit)
        self.multi = multi
        loop = CurlLoop(multi: multi)
        userAgent = "gruveo-relay/\(version)"
        loop.start(
            turn: { isReady in self.assumeIsolated { $0.turn(isReady: isReady) } },
            atEnd: { self.resumeOnEnd() })
    }

    package nonisolated var executor: any SerialExecutor { loop }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Starts a request and returns at once. Order is kept among calls from one thread.
    package nonisolated func send(_ request: OutgoingRequest, completion: @escaping @Sendable (AttemptResult) -> Void) {
        if loop.isCurrent {
            assumeIsolated { $0.start(request, completion) }
        } else {
            loop.execute { self.assumeIsolated { $0.start(request, completion) } }
        }
    }

    /// Starts no further request, lets those under way go on for a while, ends the rest as `cancelled` and the thread.
    package nonisolated func shutdown(graceMilliseconds: Int) async {
        await withCheckedContinuation { continuation in
            loop.execute { self.assumeIsolated { $0.close(graceMilliseconds, continuation) } }
        }
        // The thread has only its return left: this does not wait.
        loop.join()
    }

    // MARK: Start

    private func start(_ request: OutgoingRequest, _ completion: @escaping Transfer.Completion) {
        guard !isClosing, let transfer = takeIdle(for: request) ?? makeTransfer() else {
            let failure = TransferFailure(isClosing ? .cancelled : .connect, isClosing ? "shutting down" : "no memory")
            let now = Timestamp(milliseconds: Clock.now(CLOCK_REALTIME))
            let result = AttemptResult(ending: .failure(failure), startedAt: now, durationMilliseconds: 0)
            return loop.execute { completion(result) }
        }
        transfer.completion = completion
        transfer.begin()
        do {
            try transfer.prepare(request)
            admit(transfer)
        } catch {
            finishLater(transfer, error)
        }
    }

    private func makeTransfer() -> Transfer? { Transfer.make(userAgent: userAgent, keptSockets: keptSockets) }

    private func admit(_ transfer: Transfer) {
        let verdict =
            transfer.needsLookup
            ? gate.admit(transfer.host, now: Clock.now(CLOCK_MONOTONIC)) : .go(isCounted: false)
        switch verdict {
        case .go(let isCounted):
            transfer.isCounted = isCounted
            if isCounted { lookUpCount += 1 }
            add(transfer)
        case .wait: waiting.append(transfer)
        case .refuse:
            finishLater(transfer, TransferFailure(.dns, "earlier look-ups of the host's name hang"))
        }
    }

    private func add(_ transfer: Transfer) {
        guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
            return finishLater(transfer, TransferFailure(.connect, "no memory"))
        }
        transfer.slot = active.count
        active.append(transfer)
        hasNew = true
    }

    /// An idle transfer, if possible one which is set up for the same destination.
    private func takeIdle(for request: OutgoingRequest) -> Transfer? {
        guard let last = idle.indices.last else { return nil }
        let searched = idle[max(0, idle.count - CurlSender.idleSearchLimit)...]
        let found =
            searched.lastIndex { $0.url == request.url && $0.options == request.options }
            ?? searched.lastIndex { $0.options == request.options }
        idle.swapAt(found ?? last, last)
        return idle.removeLast()
    }

    // MARK: The loop's turn

    private func turn(isReady: Bool) -> CurlLoop.Next {
        if isReady || hasNew || timeoutMilliseconds == 0 {
            hasNew = false
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            finishAll()
            if lookUpCount > 0 { noteAddresses() }
        }
        if isClosing, active.isEmpty && waiting.isEmpty && inquiring.isEmpty || Clock.now(CLOCK_MONOTONIC) >= deadline {
            cancelAll()
            hasEnded = true
            return .end
        }
        return hasNew ? .again : .sleep(milliseconds: sleepMilliseconds)
    }

    private var timeoutMilliseconds: Int {
        var milliseconds = 0
        curl_multi_timeout(multi, &milliseconds)
        return milliseconds
    }

    /// libcurl's own timers shorten the sleep by themselves.
    private var sleepMilliseconds: Int32 {
        guard isClosing else { return Int32(CurlSender.sleepLimitMilliseconds) }
        return Int32(max(0, min(deadline - Clock.now(CLOCK_MONOTONIC), CurlSender.sleepLimitMilliseconds)))
    }

    /// Reads all that has finished: what is left would wait for the next event.
    private func finishAll() {
        var easy: UnsafeMutableRawPointer?
        var code = CURLE_OK
        while relay_curl_multi_next_finished(multi, &easy, &code) {
            guard let handle = easy, let transfer = Transfer.from(relay_curl_get_context(handle)) else { continue }
            keptSockets.note(transfer.easy)
            remove(transfer)
            if transfer.isCounted || !transfer.peer.hasAddress { noteLookup(transfer, code) }
            if transfer.hasMetStray {
                transfer.avoidStray()
                add(transfer)
                continue
            }
            if transfer.mayMissAlert(code) {
                transfer.avoidHTTP2()
                add(transfer)
                continue
            }
            let ending = transfer.ending(code)
            if code == CURLE_COULDNT_RESOLVE_HOST, inquire(transfer) { continue }
            finish(transfer, ending)
        }
    }

    private func remove(_ transfer: Transfer) {
        curl_multi_remove_handle(multi, transfer.easy)
        let last = active.removeLast()
        if last !== transfer {
            active[transfer.slot] = last
            last.slot = transfer.slot
        }
    }

    private func finish(_ transfer: Transfer, _ ending: AttemptResult.Ending) {
        let result = transfer.result(ending)
        let completion = transfer.completion.take()
        // Idle before its owner hears of it, who will often send the next request at once.
        if idle.count < CurlSender.idleLimit { idle.append(transfer) } else { transfer.destroy() }
        completion?(result)
    }

    /// For failures within `start`: nobody expects to be called back before a call returns.
    private func finishLater(_ transfer: Transfer, _ failure: TransferFailure) {
        let result = transfer.result(.failure(failure))
        let completion = transfer.completion.take()
        idle.append(transfer)
        loop.execute { completion?(result) }
    }

    // MARK: Name look-ups

    private func noteAddresses() {
        for transfer in active where transfer.isCounted && transfer.peer.hasAddress { noteResolved(transfer) }
        admitWaiting()
    }

    private func noteResolved(_ transfer: Transfer) {
        transfer.isCounted = false
        lookUpCount -= 1
        gate.resolved(transfer.host, now: Clock.now(CLOCK_MONOTONIC))
    }

    private func noteLookup(_ transfer: Transfer, _ code: CURLcode) {
        if transfer.peer.hasAddress {
            noteResolved(transfer)
        } else if transfer.needsLookup {
            gate.ended(
                transfer.host, isCounted: transfer.isCounted, isLeftBehind: code == CURLE_OPERATION_TIMEDOUT,
                now: Clock.now(CLOCK_MONOTONIC))
            if transfer.isCounted { lookUpCount -= 1 }
            transfer.isCounted = false
        }
        admitWaiting()
    }

    private func admitWaiting() {
        if waiting.isEmpty { return }
        let transfers = waiting
        waiting = []
        for transfer in transfers { admit(transfer) }
    }

    /// Asks why the host has no address; false where too many such questions are open.
    private func inquire(_ transfer: Transfer) -> Bool {
        guard gate.beginInquiry(transfer.host, now: Clock.now(CLOCK_MONOTONIC)) else { return false }
        let identifier = ObjectIdentifier(transfer)
        inquiring[identifier] = transfer
        NameLookup.start(transfer.host) { failure in
            self.loop.execute { self.assumeIsolated { $0.answered(identifier, failure) } }
        }
        return true
    }

    private func answered(_ identifier: ObjectIdentifier, _ failure: TransferFailure) {
        // Nil after a shutdown which did not wait for the answer.
        guard let transfer = inquiring.removeValue(forKey: identifier) else { return }
        gate.inquiryEnded(transfer.host)
        finish(transfer, .failure(failure))
        admitWaiting()
    }

    // MARK: End

    private func close(_ graceMilliseconds: Int, _ continuation: CheckedContinuation<Void, Never>) {
        if hasEnded { return continuation.resume() }
        isClosing = true
        deadline = min(deadline, Clock.now(CLOCK_MONOTONIC) + Int64(graceMilliseconds))
        onEnd.withLock { $0.append(continuation) }
    }

    private func cancelAll() {
        let cancelled = AttemptResult.Ending.failure(TransferFailure(.cancelled, "shutting down"))
        while let transfer = active.last {
            remove(transfer)
            // The headers are the answer, even if the body does not come any more.
            finish(transfer, transfer.reply.hasHeaders ? transfer.ending(CURLE_ABORTED_BY_CALLBACK) : cancelled)
        }
        for transfer in waiting + inquiring.values { finish(transfer, cancelled) }
        waiting = []
        inquiring = [:]
        for transfer in idle { transfer.destroy() }
        idle = []
    }

    /// Called as the last act of the thread.
    private nonisolated func resumeOnEnd() {
        let continuations = onEnd.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for continuation in continuations { continuation.resume() }
    }
}
