import Signatures

/// One destination's access token over time: a pure state machine. Its owner fetches, and keeps the deliveries that
/// wait meanwhile.
package struct TokenState: Sendable {
    /// What to do for a delivery that is to go out now.
    package enum Step: Sendable {
        case use(AccessToken)
        /// Send this and report how it ended; the delivery waits.
        case fetch(OutgoingRequest)
        /// A token is on its way.
        case wait
    }

    /// How a fetch ended, for all who waited.
    package enum Arrival: Sendable {
        /// `isRotated`: the endpoint has replaced the refresh token, and the stored one may be worth nothing.
        case token(AccessToken, isRotated: Bool)
        case failed(Judgement, waitMilliseconds: Int64?)
        /// We are shutting down.
        case cancelled
    }

    /// Tokens replaced because they were refused, within `replacementWindowMilliseconds`: a destination that refuses
    /// whatever it gets must not use up what the endpoint gives (Zoho: ten in ten minutes).
    private static let replacementLimit = 5
    private static let replacementWindowMilliseconds: Int64 = 600_000
    /// How long the destination rests after a first failed fetch, in milliseconds; each further one doubles it.
    private static let firstRestMilliseconds: Int64 = 5000
    private static let longestRestMilliseconds: Int64 = 300_000

    package let oauth2: OAuth2
    /// The one in force: of the routes file, or what the endpoint gave in its place.
    private var refreshToken: Secret?
    private var token: AccessToken?
    private var tokenCount = 0
    private var isFetching = false
    private var failuresInARow = 0
    private var replacements: [Timestamp] = []

    /// - Parameter earlier: the same destination's state under the settings before these. Its access token is
    ///   forgotten; a refresh token that the endpoint gave in place of the stored one may be the only one that is left.
    package init(_ oauth2: OAuth2, after earlier: TokenState? = nil) {
        self.oauth2 = oauth2
        if let earlier, oauth2.isGranted(like: earlier.oauth2) {
            refreshToken = earlier.refreshToken
        } else if case .refreshToken(let token) = oauth2.grant {
            refreshToken = token
        }
    }

    /// - Parameter options: how the destination is reached; the token endpoint is reached likewise.
    package mutating func next(options: TransferOptions, now: Timestamp) -> Step {
        if isFetching { return .wait }
        if let token, token.isFresh(now) { return .use(token) }
        isFetching = true
        return .fetch(oauth2.request(refreshToken: refreshToken, options: options))
    }

    /// Notes that the destination refused a token; false where that stands, and nobody should try another one.
    package mutating func refused(_ refused: AccessToken, now: Timestamp) -> Bool {
        // It has been given up already: another one is there or on its way.
        guard refused.number == token?.number else { return true }
        replacements.removeAll {
            !(0..<TokenState.replacementWindowMilliseconds).contains(now.milliseconds(since: $0))
        }
        guard replacements.count < TokenState.replacementLimit else { return false }
        replacements.append(now)
        token = nil
        return true
    }

    /// Notes how the fetch ended.
    package mutating func answered(_ result: AttemptResult, now: Timestamp) -> Arrival {
        isFetching = false
        let secrets = (refreshToken.map { [$0.bytes, Array(FormText.encode($0.bytes).utf8)] } ?? []) + oauth2.secrets
        switch TokenAnswer(result.ending, hasRefreshToken: refreshToken != nil, secrets: secrets, now: now) {
        case .granted(let grant): return granted(grant, at: result.startedAt)
        case .failed(let judgement, let wait): return failed(judgement, waitMilliseconds: wait)
        case .cancelled: return .cancelled
        }
    }

    /// Notes the answer to a request that the settings before these had sent: its access token is nobody's, but a new
    /// refresh token may have ended the one that is kept here.
    ///
    /// - Returns: whether that has been replaced.
    package mutating func overheard(_ result: AttemptResult, askedBy earlier: TokenState, now: Timestamp) -> Bool {
        let asked = earlier.refreshToken
        var earlier = earlier
        guard case .token(_, isRotated: true) = earlier.answered(result, now: now),
            oauth2.isGranted(like: earlier.oauth2), refreshToken == asked
        else { return false }
        refreshToken = earlier.refreshToken
        return true
    }

    private mutating func granted(_ grant: TokenAnswer.Grant, at start: Timestamp) -> Arrival {
        failuresInARow = 0
        tokenCount += 1
        let renewal = grant.lifetimeSeconds.map { AccessToken.Renewal(start: start, lifetimeSeconds: $0) }
        let new = AccessToken(
            number: tokenCount, value: grant.accessToken, scheme: oauth2.scheme, renewal: renewal)
        token = new
        guard let old = refreshToken, let given = grant.refreshToken, given != old else {
            return .token(new, isRotated: false)
        }
        refreshToken = given
        return .token(new, isRotated: true)
    }

    private mutating func failed(_ judgement: Judgement, waitMilliseconds: Int64?) -> Arrival {
        guard judgement.outcome == .retry else { return .failed(judgement, waitMilliseconds: waitMilliseconds) }
        let rest = TokenState.firstRestMilliseconds << min(failuresInARow, 6)
        failuresInARow += 1
        return .failed(judgement, waitMilliseconds: waitMilliseconds ?? min(rest, TokenState.longestRestMilliseconds))
    }
}
