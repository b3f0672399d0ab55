import JSON
import Signatures

/// What a token endpoint's answer means (RFC 6749 sections 5.1 and 5.2). Pure.
enum TokenAnswer: Sendable, Equatable {
    case granted(Grant)
    /// - waitMilliseconds: how long the endpoint wants to be left alone, nil where it does not say.
    case failed(Judgement, waitMilliseconds: Int64?)
    /// We are shutting down.
    case cancelled

    struct Grant: Sendable, Equatable {
        let accessToken: Secret
        let lifetimeSeconds: Int64?
        let refreshToken: Secret?
    }

    /// Words of `error` that pass by themselves: RFC 6749 section 4.1.2.1, RFC 8628 section 3.5, Salesforce's, and
    /// Zoho's where more than ten tokens were fetched within ten minutes.
    private static let passing: Set = [
        "temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded", "Access Denied",
    ]

    private static let urlAdvice = "Check tokenUrl in the destination's auth, then reload."

    /// - Parameters:
    ///   - hasRefreshToken: whether the request was made with one.
    ///   - secrets: what an answer may repeat and nobody may read.
    init(_ ending: AttemptResult.Ending, hasRefreshToken: Bool, secrets: [[UInt8]], now: Timestamp) {
        switch ending {
        case .failure(let failure) where failure.kind == .cancelled: self = .cancelled
        case .failure(let failure): self = TokenAnswer.failed(failure)
        case .response(let response):
            let members = TokenAnswer.members(of: response.body)
            let error = members.flatMap { TokenError($0, hasRefreshToken: hasRefreshToken, secrets: secrets) }
            self =
                TokenAnswer.failure(response, error, now: now)
                ?? TokenAnswer.granted(members, isWhole: response.isComplete || response.isCutByUs)
        }
    }

    // MARK: No answer

    private static func failed(_ failure: TransferFailure) -> TokenAnswer {
        let text = "no answer from the token endpoint: \(failure.text)"
        switch failure.kind {
        case .dns, .connect, .timeout, .reset, .notHTTP, .cancelled: return unavailable(text, wait: nil)
        case .unknownHost, .setup: return refused(text, urlAdvice)
        case .tls:
            return refused(text, "Check the token endpoint's certificate, or the destination's tls, then reload.")
        case .addressDenied:
            return refused(text, "Add allowPrivate to the destination if this address is meant, then reload.")
        }
    }

    private static func unavailable(_ text: String, wait: Int64?) -> TokenAnswer {
        .failed(
            Judgement(outcome: .retry, code: "token_unavailable", text: text, advice: ""), waitMilliseconds: wait)
    }

    private static func refused(_ text: String, _ advice: String) -> TokenAnswer {
        .failed(
            Judgement(outcome: .held, code: "token_refused", text: text, advice: advice), waitMilliseconds: nil)
    }
}

// MARK: - An answer

extension TokenAnswer {
    private static func failure(_ response: Response, _ error: TokenError?, now: Timestamp) -> TokenAnswer? {
        let status = response.status
        let isPassing = [408, 425, 429].contains(status) || status >= 500
        if isPassing || error.map({ passing.contains($0.word) }) == true {
            let wait = response.header("retry-after").flatMap { RetryAfter.milliseconds($0, now: now) }
            return unavailable("the token endpoint answered \(error?.text ?? "\(status)")", wait: wait)
        }
        // Zoho answers 200 with an error in it.
        if let error { return refused("the token endpoint answered \(error.text)", error.advice) }
        if (200..<300).contains(status) { return nil }
        let advice = status == 401 || status == 403 ? TokenError.clientAdvice : urlAdvice
        return refused("the token endpoint answered \(status)", advice)
    }

    private static func granted(_ members: JSONObject?, isWhole: Bool) -> TokenAnswer {
        guard let members else {
            guard isWhole else { return unavailable("the token endpoint's answer broke off", wait: nil) }
            return refused("the token endpoint's answer is not a JSON object", urlAdvice)
        }
        guard case .string(let token) = members["access_token"], !token.isEmpty else {
            return refused("the token endpoint's answer has no access_token", urlAdvice)
        }
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return refused("the token endpoint's access_token cannot be sent in a header", urlAdvice)
        }
        // Zoho once gave milliseconds in the one and seconds in the other.
        let lifetime = seconds(members["expires_in_sec"]) ?? seconds(members["expires_in"])
        return .granted(
            Grant(
                accessToken: Secret(Array(token.utf8)), lifetimeSeconds: lifetime,
                refreshToken: secret(members["refresh_token"])))
    }

    private static func secret(_ value: JSONValue?) -> Secret? {
        guard case .string(let text) = value, !text.isEmpty else { return nil }
        return Secret(Array(text.utf8))
    }

    private static func members(of body: [UInt8]) -> JSONObject? {
        do throws(JSONError) {
            guard case .object(let members) = try JSONValue.parse(body) else { return nil }
            return members
        } catch {
            return nil
        }
    }

    /// A number of seconds; some services write it in quotes.
    private static func seconds(_ value: JSONValue?) -> Int64? {
        let number: Double? =
            switch value {
            case .number(let number): number.double
            case .string(let text): Double(text)
            default: nil
            }
        guard let number, number.isFinite else { return nil }
        return Int64(max(0, min(number, 1e9)))
    }
}

/// What an endpoint says of its refusal (RFC 6749 section 5.2), fit to be read.
struct TokenError {
    static let clientAdvice = "Check clientId, clientSecret and clientAuth of the destination's auth, then reload."
    private static let longestText = 200

    /// As it came: it may repeat a secret, `text` does not.
    let word: String
    let text: String
    private let hasRefreshToken: Bool

    init?(_ members: JSONObject, hasRefreshToken: Bool, secrets: [[UInt8]]) {
        guard case .string(let word) = members["error"], !word.isEmpty else { return nil }
        self.hasRefreshToken = hasRefreshToken
        self.word = word
        let shown = TokenError.readable(word, secrets)
        guard case .string(let description) = members["error_description"], !description.isEmpty else {
            text = shown
            return
        }
        text = "\(shown): \(TokenError.readable(description, secrets))"
    }

    var advice: String {
        switch word {
        // The latter is Zoho's word for it.
        case "invalid_grant", "invalid_code":
            hasRefreshToken
                ? "Put a new refresh token in place, then reload."
                : "Check what the client is allowed at the service; then reload."
        case "invalid_client", "unauthorized_client", "invalid_client_id", "invalid_client_secret":
            TokenError.clientAdvice
        case "invalid_scope": "Check scope in the destination's auth, then reload."
        default: "Check the destination's auth, then reload."
        }
    }

    /// Secrets are taken out before the text is cut: no half of one stays.
    private static func readable(_ text: String, _ secrets: [[UInt8]]) -> String {
        let clean = String(decoding: Redaction.redact(Array(text.utf8), secrets: secrets), as: UTF8.self)
        let shown = clean.unicodeScalars.prefix(longestText).map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: " "
            default: scalar
            }
        }
        return String(String.UnicodeScalarView(shown))
    }
}

extension Response {
    /// Whether the body is as long as we take any: the answer did not break off by itself.
    fileprivate var isCutByUs: Bool { body.count >= Response.bodyLimit }
}
