import JSON
import Relay

extension LaneReport {
    /// As the admin socket tells it: all keys are always there, null where there is nothing to say.
    var object: JSONObject {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return JSONObject([
            "destination": .string(destination), "state": .string(state), "since": text(since?.description),
            "code": text(reason?.code), "reason": text(reason?.text), "advice": text(reason?.advice),
            "probeAt": text(probeAt?.description), "restsUntil": text(restsUntil?.description),
            "inFlight": .number(JSONNumber(inFlight)),
        ])
    }
}
