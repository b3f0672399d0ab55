import Relay

/// What stands behind a destination in a simulation, and what it has seen.
struct World {
    enum Mood: CaseIterable {
        case well, flaky, down, refusing, rejecting, overloaded
    }

    /// One request that a destination has read.
    struct Seen {
        let key: Int64
        let wasTaken: Bool
    }

    var moods: [String: Mood] = [:]
    private(set) var seen: [String: [Seen]] = [:]

    /// What the destination does with a request, and what the sender hears of it.
    mutating func answer(_ call: ScriptedSender.Call, using random: inout SeededGenerator) -> AttemptResult.Ending {
        let ending = ending(moods[call.destination] ?? .well, using: &random)
        // A request may be read although nobody hears of it.
        var isTaken = Bool.random(using: &random)
        if case .response(let response) = ending { isTaken = (200..<300).contains(response.status) }
        note(call, isTaken: isTaken)
        return ending
    }

    mutating func note(_ call: ScriptedSender.Call, isTaken: Bool) {
        seen[call.destination, default: []].append(Seen(key: call.key, wasTaken: isTaken))
    }

    func hasTaken(_ key: Int64, _ destination: String) -> Bool {
        seen[destination]?.contains { $0.key == key && $0.wasTaken } ?? false
    }

    private func ending(_ mood: Mood, using random: inout SeededGenerator) -> AttemptResult.Ending {
        switch mood {
        case .well: status(200)
        case .flaky:
            Bool.random(using: &random)
                ? status(200) : Bool.random(using: &random) ? status(503) : .failure(TransferFailure(.timeout, "late"))
        case .down: .failure(TransferFailure(.connect, "nobody is there"))
        case .refusing: status(404)
        case .rejecting: status(Bool.random(using: &random) ? 422 : 200)
        case .overloaded: status(429, retryAfter: "\(Int.random(in: 1...90, using: &random))")
        }
    }

    private func status(_ status: Int, retryAfter: String? = nil) -> AttemptResult.Ending {
        let headers = retryAfter.map { [OutgoingRequest.Header("retry-after", $0)] } ?? []
        return .response(Response(status: status, headers: headers, body: [], isComplete: true))
    }
}
