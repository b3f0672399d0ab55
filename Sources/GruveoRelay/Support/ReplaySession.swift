import ArgumentParser
import JSON
import Relay

/// Asks the running relay for a replay, page by page, so that a break in the middle leaves a known state.
struct ReplaySession {
    let client: AdminClient

    /// Adds every page to the report; ends the command where the relay refuses or does not answer.
    func ask(_ request: ReplayRequest, _ report: inout ReplayReport) throws {
        var request = request
        repeat {
            let page = try page(request, report)
            report.add(page)
            request.after = page.number("next")
            request.through = page.number("through")
        } while request.after != nil
    }

    private func page(_ request: ReplayRequest, _ report: ReplayReport) throws -> JSONObject {
        switch client.post("/replay", JSONSerializer.bytes(.object(request.object))) {
        case .answer(let status, let body):
            guard case .object(let answer)? = try? JSONValue.parse(Array(body.utf8)), status == 200 else {
                throw refused(status, body, request, report)
            }
            return answer
        case .unreachable(let reason):
            if request.isDryRun || report.isUntouched {
                Output.words(
                    "gruveo-relay: no relay answers at \(adminSocketPath(state: client.state)): \(reason)")
            } else {
                Output.words("gruveo-relay: the relay does not answer any more")
            }
            sayHowToGoOn(request, report, "and perhaps up to \(Replay.limit) more")
            throw ExitStatus.unreachable
        }
    }

    private func refused(_ status: Int, _ body: String, _ request: ReplayRequest, _ report: ReplayReport) -> ExitCode {
        guard case .object(let answer)? = try? JSONValue.parse(Array(body.utf8)),
            case .string(let error)? = answer["error"]
        else {
            let advice = status == 404 ? ", as one that knows no replay: restart it" : ""
            Output.words("gruveo-relay: the relay answered \(status)\(advice)")
            return ExitStatus.unreachable
        }
        Output.words("gruveo-relay: \(printable(error))")
        switch status {
        case 400: return ExitCode.validationFailure
        case 404:
            Output.words("gruveo-relay: nothing is sent: look for the id in the journal; old events are pruned")
            return ExitStatus.noInput
        case 422:
            Output.words("gruveo-relay: nothing is sent: a backup or a dead letter may have it as it came")
            return ExitStatus.badData
        default:
            sayHowToGoOn(request, report, "and no more")
            return status == 503 ? ExitStatus.temporary : ExitStatus.ioError
        }
    }

    /// After a break: what is done, and the arguments that do the rest.
    private func sayHowToGoOn(_ request: ReplayRequest, _ report: ReplayReport, _ rest: String) {
        guard !request.isDryRun else { return }
        Output.words("gruveo-relay: queued by then: \(report.counted), \(rest)")
        guard let last = report.lastEvent else { return }
        switch request.selection {
        case .received(let since, let until):
            let arguments = "--since \(since) --until \(until) --after \(last)"
            Output.words("gruveo-relay: to go on: the same command with \(arguments)")
        case .ids: Output.words("gruveo-relay: to go on: the same command with the ids that come after \(last)")
        }
    }
}
