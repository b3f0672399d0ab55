import JSONTemplates

/// What an attempt's end means, with the words that a person reads about it.
package struct Judgement: Sendable, Equatable {
    package let outcome: Outcome
    /// A stable word: `status_503`, `timeout`, `address_denied`.
    package let code: String
    /// One sentence, without a secret or a URL's path.
    package let text: String
    /// What the operator can do; empty where nothing needs doing.
    package let advice: String
    /// Whether the destination seems to be down: nothing came of the connection, or 5xx.
    package var isOutage = false
    /// The destination's conditions that failed on this answer, and so did not count.
    package var faults: [AnswerFault] = []

    package init(
        outcome: Outcome, code: String, text: String, advice: String, isOutage: Bool = false,
        faults: [AnswerFault] = []
    ) {
        self.outcome = outcome
        self.code = code
        self.text = text
        self.advice = advice
        self.isOutage = isOutage
        self.faults = faults
    }
}

/// The table of outcomes in docs/delivery.md. Pure.
package enum OutcomePolicy {
    /// Of an answer, in characters.
    private static let longestWords = 200

    /// Decides by the destination's own word first, then by the table.
    ///
    /// - Parameter token: the access token that the request showed.
    package static func judge(
        _ ending: AttemptResult.Ending, for destination: Destination, token: AccessToken? = nil, now: Timestamp
    ) -> Judgement {
        switch ending {
        case .response(let response): judge(response, for: destination, token, now: now)
        case .failure(let failure): judge(failure)
        }
    }

    private static func judge(
        _ response: Response, for destination: Destination, _ token: AccessToken?, now: Timestamp
    ) -> Judgement {
        let status = response.status
        let overrides = destination.overrides
        var answer = AnswerReader(response, now: now)
        let own = overrides.outcome(of: status, &answer)
        if own == nil, (200..<300).contains(status), let success = overrides.success, !answer.isTrue(success) {
            let words = words(of: response, destination, token)
            return unsuccessful(response, success, words, faults(answer, destination, token))
        }
        let outcome = own ?? defaultOutcome(status: status)
        let words = outcome == .delivered ? "" : words(of: response, destination, token)
        return Judgement(
            outcome: outcome, code: "status_\(status)",
            text: "the destination answered \(status)\(words)",
            advice: advice(status: status, outcome: outcome), isOutage: outcome == .retry && status >= 500,
            faults: faults(answer, destination, token))
    }

    /// A success that is none: it may be one next time.
    private static func unsuccessful(
        _ response: Response, _ success: AnswerExpression, _ words: String, _ faults: [AnswerFault]
    ) -> Judgement {
        let fault = faults.first { $0.path == success.path }
        let why = fault.map { "\"success\" fails on its answer: \($0.text)" } ?? "\"success\" is false for its answer"
        let cut = response.isComplete ? "" : ", of which only a part came"
        return Judgement(
            outcome: .retry, code: fault == nil ? "success_false" : "success_failed",
            text: "the destination answered \(response.status), but \(why)\(cut)\(words)",
            advice: "", faults: faults)
    }

    /// The beginning of what the destination says of it, in one line behind a colon; empty where that is HTML, XML or
    /// no text.
    ///
    /// It is cut last: a secret of which only a part is left would not be found.
    private static func words(of response: Response, _ destination: Destination, _ token: AccessToken?) -> String {
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let body = response.body.drop { $0 <= 0x20 || byteOrderMark.contains($0) }
        guard body.first != UInt8(ascii: "<") else { return "" }
        let shown = Redaction.redact(Array(body), secrets: destination.secrets(with: token))
        let line = PlainLine.of(String(decoding: shown, as: UTF8.self), most: longestWords)
        let strange = line.unicodeScalars.count { $0 == "\u{FFFD}" }
        return line.isEmpty || strange * 10 > line.unicodeScalars.count ? "" : ": \(line)"
    }

    /// An expression's error may repeat the answer, and the answer our request; in one line, as logs and lists are.
    ///
    /// It is cut last: a secret of which only a part is left would not be found.
    private static func faults(
        _ answer: AnswerReader, _ destination: Destination, _ token: AccessToken?
    ) -> [AnswerFault] {
        guard !answer.failures.isEmpty else { return [] }
        let secrets = destination.secrets(with: token)
        return answer.failures.map { path, message in
            let text = Redaction.redact(Array(message.utf8), secrets: secrets)
            let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
            return AnswerFault(path: path, text: TemplateError.shortened(lines.joined(separator: " ")))
        }
    }

    /// A status that the table does not name is a passing trouble: it is tried until its budget ends.
    private static func defaultOutcome(status: Int) -> Outcome {
        switch status {
        case 200..<300: .delivered
        case 300..<400, 401, 403, 404, 410: .held
        case 400, 405, 406, 411, 413, 414, 415, 422, 431, 501: .dead
        default: .retry
        }
    }

    private static func advice(status: Int, outcome: Outcome) -> String {
        switch (status, outcome) {
        case (_, .delivered), (_, .retry): ""
        case (300..<400, .held): "The URL has moved: put the new address into the routes file and reload."
        case (401, .held), (403, .held): "Check the destination's credential, then reload."
        case (404, .held), (410, .held): "Check the destination's URL: the hook may have been removed. Then reload."
        case (_, .held): "Correct the destination, here or where it runs, then reload."
        case (413, _): "The event is too large for this destination. Raise its limit, then redrive it."
        case (405, _), (501, _):
            "The destination does not take this request: check its URL and method, reload, then redrive it."
        default:
            "The destination refuses this content. Correct it, or edit the event in the file; then redrive it."
        }
    }

    private static func judge(_ failure: TransferFailure) -> Judgement {
        let (outcome, code, advice): (Outcome, String, String) =
            switch failure.kind {
            case .dns: (.retry, "dns", "")
            case .connect: (.retry, "connect", "")
            case .timeout: (.retry, "timeout", "")
            case .reset: (.retry, "reset", "")
            case .notHTTP: (.retry, "not_http", "")
            case .cancelled: (.retry, "cancelled", "")
            case .unknownHost: (.held, "unknown_host", "Check the host name in the destination's URL, then reload.")
            case .tls: (.held, "tls", "Check the destination's certificate, or the files of its tls, then reload.")
            case .addressDenied:
                (.held, "address_denied", "Add allowPrivate to the destination if this address is meant, then reload.")
            case .setup: (.held, "setup", "Correct the destination in the routes file, then reload.")
            }
        let isOutage = outcome == .retry && failure.kind != .cancelled
        return Judgement(outcome: outcome, code: code, text: failure.text, advice: advice, isOutage: isOutage)
    }
}
