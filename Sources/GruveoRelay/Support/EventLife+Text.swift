import DeadLetterFiles
import JSON
import Relay

extension EventLife {
    /// For a person; what comes from elsewhere is as it came.
    var lines: [String] {
        var lines = ["\(id)  from \(source), received \(receivedAt), \(bytes) bytes"]
        if let originalID { lines.append("edited by hand; before it was \(originalID)") }
        if !isIntact { lines.append("its bytes have changed since it was accepted: it is kept and never sent") }
        switch kind {
        case .matched, .redriven: lines.append("routes: \(routes.joined(separator: ", "))")
        case .unmatched: lines.append("no route wanted it")
        case .quarantined: lines.append("in quarantine: \(reason ?? "")")
        }
        for delivery in deliveries { lines += delivery.lines }
        if deliveries.isEmpty { lines.append("it was sent nowhere: `gruveo-relay replay \(id)` goes by today's rules") }
        return lines
    }

    /// All keys are always there, null where there is nothing to say.
    var object: JSONObject {
        JSONObject([
            "id": .string("\(id)"), "source": .string(source), "receivedAt": .string("\(receivedAt)"),
            "kind": .string(kind.rawValue), "reason": reason.map { .string($0) } ?? .null,
            "routes": .array(routes.map { .string($0) }),
            "originalId": originalID.map { .string("\($0)") } ?? .null, "bytes": .number(JSONNumber(bytes)),
            "intact": .bool(isIntact), "deliveries": .array(deliveries.map { .object($0.object) }),
        ])
    }
}

extension DeliveryLife {
    fileprivate var lines: [String] {
        ["\(destination): \(summary)"]
            + attempts.map { attempt in
                let words = attempt.error ?? attempt.status.map { "\($0)" } ?? ""
                return "  \(attempt.number)  \(attempt.at)  \(attempt.durationMilliseconds) ms  "
                    + "\(attempt.outcome.rawValue)  \(words)"
            }
    }

    /// Its state, and what it waits for.
    fileprivate var summary: String {
        let name =
            switch state {
            case .fresh: "waits for its first attempt"
            case .deferred: "waits for attempt \(charged + 1)"
            case .delivered, .dead, .discarded: state.rawValue
            }
        let replay = isReplay ? " (replay)" : ""
        let due = dueAt.map { ", not before \($0)" } ?? ""
        return name + replay + due + (obstacle.map { "; \($0)" } ?? "")
    }

    /// What keeps the destination from getting anything; nil where nothing does.
    private var obstacle: String? {
        guard state == .fresh || state == .deferred, let lane else { return nil }
        if let since = lane.orphanedAt { return "no destination of this name is in the routes file since \(since)" }
        if let since = lane.pausedAt { return "the destination is paused since \(since)" }
        if let hold = lane.hold { return "the destination is held since \(hold.since): \(hold.reason.text)" }
        // It stays in the record when it is over.
        guard let rest = lane.restUntil, rest.isAhead(of: wallClock(), byAtMost: RetryAfter.capMilliseconds) else {
            return nil
        }
        return "the destination wanted nothing until \(rest)"
    }

    fileprivate var object: JSONObject {
        JSONObject([
            "destination": .string(destination), "state": .string(state.rawValue), "replay": .bool(isReplay),
            "dueAt": dueAt.map { .string("\($0)") } ?? .null, "obstacle": obstacle.map { .string($0) } ?? .null,
            "attempts": .array(attempts.map { .object($0.object) }),
        ])
    }
}

extension WaitingDelivery {
    var line: String { "\(id)  \(delivery.destination)  received \(receivedAt)  \(delivery.summary)" }

    /// All keys are always there, null where there is nothing to say.
    var object: JSONObject {
        var object = JSONObject(["id": .string("\(id)"), "receivedAt": .string("\(receivedAt)")])
        for member in delivery.object.members where member.key != "attempts" {
            object.append(member.key, member.value)
        }
        object.append("attempts", .number(JSONNumber(delivery.charged)))
        return object
    }
}
