import JSON

extension Field {
    /// Reads `retry`; what is left out is as in the standard schedule.
    func retry() -> RetrySchedule {
        guard var reader = object() else { return .standard }
        defer { reader.finish() }
        let schedule = reader.optional("schedule")?.waits()
        let budget = reader.optional("for")?.duration(.days(90))
        return RetrySchedule(
            waitsMilliseconds: schedule ?? RetrySchedule.standard.waitsMilliseconds,
            budgetMilliseconds: budget ?? RetrySchedule.standard.budgetMilliseconds)
    }

    private func waits() -> [Int64]? {
        guard let elements = elements("durations such as \"5s\", \"5m\"") else { return nil }
        guard elements.count <= 100 else {
            error("has \(elements.count) waits: at most 100")
            return nil
        }
        return elements.compactMap { $0.duration(.days(30)) }
    }

    /// Reads `outcomes`: an exact status or a class, and what it means here.
    func outcomes() -> OutcomeOverrides {
        guard let reader = object("an object such as {\"404\": \"dead\", \"4xx\": \"retry\"}") else {
            return OutcomeOverrides()
        }
        var exact: [Int: Outcome] = [:]
        var classes: [Int: Outcome] = [:]
        for (key, keyPlace, value) in reader.entries {
            let outcome = value.outcome()
            switch StatusKey(key) {
            case .exact(let status): exact[status] = outcome
            case .hundreds(let digit): classes[digit] = outcome
            case nil:
                log.add(
                    .error, at: keyPlace,
                    "\(Words.quoted(key)) is no status: write one from \"200\" to \"599\", or \"2xx\" to \"5xx\"")
            }
        }
        return OutcomeOverrides(exact: exact, classes: classes)
    }

    private func outcome() -> Outcome? {
        if case .array = node.kind {
            error("outcomes with \"when\" are not supported yet: write one outcome for the status")
            return nil
        }
        return word(Outcome.self)
    }
}

/// A key of `outcomes`.
private enum StatusKey {
    case exact(Int)
    /// By the status' first digit.
    case hundreds(Int)

    init?(_ key: String) {
        let bytes = Array(key.utf8)
        guard bytes.count == 3, (UInt8(ascii: "2")...UInt8(ascii: "5")).contains(bytes[0]) else { return nil }
        if bytes[1...].elementsEqual("xx".utf8) {
            self = .hundreds(Int(bytes[0] - UInt8(ascii: "0")))
        } else if bytes.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), let status = Int(key) {
            self = .exact(status)
        } else {
            return nil
        }
    }
}
