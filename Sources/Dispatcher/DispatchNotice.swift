package import Relay

/// What the dispatcher tells of its work, for logs and counters.
package enum DispatchNotice: Sendable {
    case attempted(Delivery, AttemptRecord, Judgement, isHeld: Bool)
    /// A destination is held, down, paused, or open again.
    case changed(destination: String, to: LaneStops.State, StopReason?)
    case died(Delivery, StopReason)
    case deadLetterFailed(Delivery, String)
    case leaseFailed(destination: String, StoreError)
    case settleFailed(StoreError)
    /// `isRotated`: the endpoint gave a new refresh token too, which is kept in memory only.
    case tokenFetched(destination: String, isRotated: Bool)
    /// The destination refused its access token: the delivery is sent again with another one.
    case tokenRefused(Delivery)
}

extension AttemptRecord {
    /// What is remembered of an attempt that has just ended.
    ///
    /// An answer may repeat our request, so the destination's secrets and its access token are taken out of it.
    init(
        _ result: AttemptResult, judgement: Judgement, number: Int, destination: Destination, token: AccessToken? = nil
    ) {
        switch result.ending {
        case .response(let response):
            self.init(
                number: number, at: result.startedAt, durationMilliseconds: result.durationMilliseconds,
                outcome: judgement.outcome, status: response.status,
                error: judgement.outcome == .delivered ? nil : judgement.text,
                response: judgement.outcome == .delivered
                    ? [] : Redaction.redact(response.body, secrets: destination.secrets(with: token)))
        case .failure(let failure):
            self.init(
                number: number, at: result.startedAt, durationMilliseconds: result.durationMilliseconds,
                outcome: judgement.outcome, status: nil, error: failure.text, response: [])
        }
    }
}
