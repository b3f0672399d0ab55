import Glibc
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import Receiver

/// What the listening socket does when `accept` fails.
struct AcceptPauseTests {
    @Test func stopsReadingForAMomentAfterEachBurstOfErrors() throws {
        let channel = EmbeddedChannel(
            handler: AcceptPause(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        #expect(channel.autoRead == nil)
        for _ in 0..<2 {
            channel.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
            channel.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
            #expect(channel.autoRead == false)
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(AcceptPause.pauseMilliseconds - 1))
            #expect(channel.autoRead == false)
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
            #expect(channel.autoRead == true)
        }
        _ = try channel.finish()
    }
}

extension EmbeddedChannel {
    /// The last value that was set.
    fileprivate var autoRead: Bool? {
        options.last { $0.option is ChannelOptions.Types.AutoReadOption }?.value as? Bool
    }
}
