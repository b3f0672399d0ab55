import Relay

/// The token that a request showed, of which settings, and whether the delivery had been refused with another one
/// before.
///
/// A class, so that requests that need none carry no more than an empty reference.
final class ShownToken: Sendable {
    let token: AccessToken
    /// The very instance that the token was fetched by: after a reload tokens are numbered anew.
    let oauth2: OAuth2
    let isSecond: Bool

    init(_ token: AccessToken, of oauth2: OAuth2, isSecond: Bool) {
        self.token = token
        self.oauth2 = oauth2
        self.isSecond = isSecond
    }
}

/// A destination's token state and the deliveries that wait for a token: taken out of the lane, so never more than its
/// concurrency.
final class TokenHolder {
    struct Waiting {
        let delivery: Delivery
        let isSecond: Bool
    }

    var state: TokenState
    private var waiting: [Waiting] = []

    init(_ oauth2: OAuth2, after earlier: TokenState? = nil) { state = TokenState(oauth2, after: earlier) }

    func append(_ delivery: Delivery, isSecond: Bool) {
        waiting.append(Waiting(delivery: delivery, isSecond: isSecond))
    }

    func takeWaiting() -> [Waiting] {
        defer { waiting = [] }
        return waiting
    }
}

extension LaneDispatcher {
    /// Sends a delivery with the destination's token, now or as soon as there is one.
    ///
    /// - Parameter isSecond: whether it is sent again since its first token was refused.
    func startWithToken(
        _ delivery: Delivery, to destination: Destination, _ oauth2: OAuth2, isSecond: Bool, now: Timestamp
    ) {
        if isStopping { return giveBack(delivery) }
        let name = destination.name
        let holder = tokens[name] ?? TokenHolder(oauth2)
        tokens[name] = holder
        switch holder.state.next(options: destination.options, now: now) {
        case .use(let token):
            let shown = ShownToken(token, of: holder.state.oauth2, isSecond: isSecond)
            send(delivery, to: destination, with: shown, now: now)
        case .wait: holder.append(delivery, isSecond: isSecond)
        case .fetch(let request):
            holder.append(delivery, isSecond: isSecond)
            let asking = holder.state
            ports.sender.send(request) { result in
                self.assumeIsolated { $0.tokenAnswered(result, to: name, asking) }
            }
        }
    }

    private func tokenAnswered(_ result: AttemptResult, to name: String, _ asking: TokenState) {
        guard let holder = tokens[name], let destination = destinations[name] else { return }
        let now = ports.now()
        let oauth2 = holder.state.oauth2
        guard oauth2 === asking.oauth2 else {
            // A reload changed the settings meanwhile: nobody waits for this token any more.
            if holder.state.overheard(result, askedBy: asking, now: now) {
                ports.notify(.tokenFetched(destination: name, isRotated: true))
            }
            return
        }
        defer { pump(name) }
        let arrival = holder.state.answered(result, now: now)
        let waiting = holder.takeWaiting()
        switch arrival {
        case .token(let token, let isRotated):
            ports.notify(.tokenFetched(destination: name, isRotated: isRotated))
            for one in waiting {
                let shown = ShownToken(token, of: oauth2, isSecond: one.isSecond)
                send(one.delivery, to: destination, with: shown, now: now)
            }
        case .failed(let judgement, let wait):
            for one in waiting {
                let attempt = AttemptRecord(withoutToken: result, judgement, number: one.delivery.attempts + 1)
                conclude(
                    attempt, judgement, waitMilliseconds: wait, delivery: one.delivery, destination: destination,
                    now: now)
            }
        case .cancelled: for one in waiting { giveBack(one.delivery) }
        }
    }

    /// Whether a delivery goes out once more, because the destination did not take its token: at once, or in its turn
    /// where the lane rests or counts its requests.
    func sendAgain(
        _ delivery: Delivery, after ending: AttemptResult.Ending, showing shown: ShownToken, now: Timestamp
    ) -> Bool {
        guard !shown.isSecond, case .response(let response) = ending, response.status == 401 else { return false }
        guard let destination = destinations[delivery.destination], let oauth2 = destination.oauth2,
            mayReplace(shown, of: delivery.destination, now: now)
        else { return false }
        ports.notify(.tokenRefused(delivery))
        guard lanes[delivery.destination]?.lane.maySendAgain(now: now) == true else {
            giveBack(delivery)
            return true
        }
        startWithToken(delivery, to: destination, oauth2, isSecond: true, now: now)
        return true
    }

    /// Whether another token may be tried than one that was refused; there is another one already, or on its way, where
    /// the settings are others by now.
    private func mayReplace(_ shown: ShownToken, of name: String, now: Timestamp) -> Bool {
        guard let holder = tokens[name], holder.state.oauth2 === shown.oauth2 else { return true }
        return holder.state.refused(shown.token, now: now)
    }

    /// Forgets the tokens of destinations whose settings are others now; what waited for them goes back to the store.
    func dropTokens(keeping destinations: [String: Destination]) {
        for (name, holder) in tokens where destinations[name]?.oauth2 != holder.state.oauth2 {
            tokens[name] = destinations[name]?.oauth2.map { TokenHolder($0, after: holder.state) }
            giveBackWaiting(holder)
        }
    }

    /// Lets the store have what waits for a token, of which nothing is on its way yet.
    func giveBackWaiting(_ holder: TokenHolder) {
        for one in holder.takeWaiting() { giveBack(one.delivery) }
    }
}

extension AttemptRecord {
    /// What is remembered of an attempt for which there was no token. The endpoint's answer is not kept: it may hold
    /// one.
    fileprivate init(withoutToken result: AttemptResult, _ judgement: Judgement, number: Int) {
        self.init(
            number: number, at: result.startedAt, durationMilliseconds: result.durationMilliseconds,
            outcome: judgement.outcome, status: nil, error: judgement.text, response: [])
    }
}
