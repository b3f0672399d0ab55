import NIOHTTP1
import Relay

/// What is to be done with a request, decided from its head alone.
enum Judgement {
    /// Its body goes to the intake.
    case take(Source)
    /// Read the body, throw it away, then answer.
    case answer(Answer)
    /// Answer at once and close: the body is not wanted at all.
    case refuse(Answer)
}

/// Decides on a request. Pure: the sources come in as a function.
func judge(
    _ head: HTTPRequestHead, _ facts: RequestFacts, unwantedBodyBytes: Int,
    sourceAtPath: (String) -> Source?
) -> Judgement {
    if facts.isMalformed { return .refuse(.malformed) }
    guard let path = path(ofTarget: head.uri) else { return without(body: .notFound, facts, unwantedBodyBytes) }
    if path == "/healthz" {
        return without(
            body: head.method == .GET ? .healthy : .methodNotAllowed(allowed: "GET"), facts, unwantedBodyBytes)
    }
    guard let source = sourceAtPath(String(path)) else { return without(body: .notFound, facts, unwantedBodyBytes) }
    guard head.method == .POST else {
        return without(body: .methodNotAllowed(allowed: "POST"), facts, unwantedBodyBytes)
    }
    if facts.contentLength?.exceeds(source.maxBody) == true { return .refuse(.tooLarge) }
    return .take(source)
}

/// A client that waits for `100 Continue` may or may not send its body after another answer, so the connection ends.
private func without(body answer: Answer, _ facts: RequestFacts, _ unwantedBodyBytes: Int) -> Judgement {
    if facts.expectsContinue || facts.contentLength?.exceeds(unwantedBodyBytes) == true { return .refuse(answer) }
    return .answer(answer)
}
