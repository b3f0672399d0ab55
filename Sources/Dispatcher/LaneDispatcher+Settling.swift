import Relay

// MARK: - Settling

extension LaneDispatcher {
    /// How long a settle that the store refused waits before the next try, in milliseconds.
    private static let settleRetryMilliseconds: Int64 = 1000
    /// How often these are tried again when the relay stops.
    private static let lastSettles = 3
    /// So many settles that the store refused stop all sending: what cannot be noted would be sent again after a crash.
    private static let unsettledLimit = 1024

    /// False where so much waits to be noted that nothing more is to be sent.
    var mayOweMore: Bool { unsettled.count < LaneDispatcher.unsettledLimit }

    /// Notes what came of a delivery. In an ordered lane it keeps its place until that is on disk: after a crash only
    /// this one is sent again, and none that is older than what the destination has seen.
    func settle(_ delivery: Delivery, _ verdict: Settlement.Verdict, _ attempt: AttemptRecord) {
        let lane = lanes[delivery.destination]
        let keepsPlace = lane?.lane.isOrdered == true
        if !keepsPlace { lane?.lane.freed() }
        let settlement = Settlement(
            delivery: delivery.key, verdict: verdict, attempt: attempt, isUrgent: keepsPlace,
            startedAt: delivery.startedAt)
        settle(Unsettled(settlement: settlement, destination: delivery.destination))
    }

    private func settle(_ entry: Unsettled) {
        ports.store.settle(entry.settlement) { result in
            switch (result, entry.settlement.verdict) {
            case (.failure(let error), _): Task.immediate { await self.settleFailed(entry, error) }
            case (.success, .retry(let due, _)): Task.immediate { await self.deferred(entry, until: due) }
            case (.success, _) where entry.keepsPlace: Task.immediate { await self.freed(entry.destination) }
            case (.success, _): break
            }
        }
    }

    /// Only now that the store knows the due time may the lane look for it there.
    private func deferred(_ entry: Unsettled, until due: Timestamp) {
        let now = ports.now()
        let holder = lanes[entry.destination]
        release(holder?.behind() ?? [])
        holder?.lane.deferred(until: due, now: now)
        if entry.keepsPlace { holder?.lane.freed() }
        if due <= now { pump(entry.destination) }
    }

    private func freed(_ name: String) {
        lanes[name]?.lane.freed()
        pump(name)
    }

    /// The destination has answered and the store could not note it: the lease stays, and it is noted later.
    private func settleFailed(_ entry: Unsettled, _ error: StoreError) {
        ports.notify(.settleFailed(error))
        let later = ports.now().advanced(byMilliseconds: LaneDispatcher.settleRetryMilliseconds)
        unsettled.append((entry, later))
    }

    /// Settles, before the relay ends, what the store has refused so far: it would be sent again after the next start.
    /// To be called when no transfer is in flight any more; a store that goes on refusing is given up after seconds.
    package func finishSettling() async {
        for _ in 0..<LaneDispatcher.lastSettles {
            // The answer to what was asked last comes last.
            await withCheckedContinuation { last in ports.store.counts { _ in last.resume() } }
            if unsettled.isEmpty { return }
            try? await Task.sleep(for: .milliseconds(LaneDispatcher.settleRetryMilliseconds))
            settleAgain()
        }
    }

    /// Settles anew what the store refused a while ago.
    func settleAgain() {
        guard !unsettled.isEmpty else { return }
        let now = ports.now()
        let all = unsettled
        unsettled.removeAll()
        for (entry, notBefore) in all {
            if notBefore.isAhead(of: now, byAtMost: LaneDispatcher.settleRetryMilliseconds) {
                unsettled.append((entry, notBefore))
            } else {
                settle(entry)
            }
        }
    }
}

/// A settlement that the store has yet to confirm, and whose lane hears of it.
struct Unsettled {
    let settlement: Settlement
    let destination: String

    /// Whether its delivery has not left its place in the lane.
    var keepsPlace: Bool { settlement.isUrgent }
}
