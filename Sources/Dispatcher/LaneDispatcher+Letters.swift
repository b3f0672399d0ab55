import Relay

// MARK: - Dead letters

extension LaneDispatcher {
    /// Writes the dead letter first; only then the row says dead.
    func bury(
        _ delivery: Delivery, request: MaskedRequest, attempt: AttemptRecord, reason: StopReason, now: Timestamp
    ) {
        lettersUnderWay += 1
        ports.store.attempts(of: delivery.key) { [ports] earlier in
            // Without its history the letter is still worth writing: it holds the event.
            let attempts = ((try? earlier.get()) ?? []) + [attempt]
            let letter = DeadLetter(
                event: delivery.event, destination: delivery.destination, diedAt: now, reason: reason,
                attempts: attempts, request: request)
            ports.deadLetters.write(letter) { result in
                Task.immediate { await self.buried(result, delivery: delivery, attempt: attempt, reason: reason) }
            }
        }
    }

    private func buried(
        _ result: Result<Void, any Error>, delivery: Delivery, attempt: AttemptRecord, reason: StopReason
    ) {
        defer { letterEnded(of: delivery.destination) }
        switch result {
        case .success:
            ports.notify(.died(delivery, reason))
            settle(delivery, .dead, attempt)
        case .failure(let error):
            // The file could not be written, so the row may not die: it is tried again a minute later.
            ports.notify(.deadLetterFailed(delivery, "\(error)"))
            let due = ports.now().advanced(byMilliseconds: 60_000)
            settle(delivery, .retry(at: due, charged: false), attempt)
        }
    }

    private func letterEnded(of name: String) {
        lettersUnderWay -= 1
        if lettersUnderWay == 0 {
            for waiter in onLastLetter { waiter.resume() }
            onLastLetter = []
        }
        pump(name)
    }

    /// Waits for the dead letters that are being written, and for the word to the store about each: without them their
    /// deliveries would be sent again after the next start. To be called when no transfer is in flight any more.
    package func finishLetters() async {
        guard lettersUnderWay > 0 else { return }
        await withCheckedContinuation { onLastLetter.append($0) }
    }
}
