/** One connection over which a node tells of news. Each of the two is called by it, never after close(). */
export interface ChannelEvents {
  /** Something is new. */
  readonly onNews: () => void;
  /** It is over, for whatever reason. Called once. */
  readonly onEnd: () => void;
}

export interface Channel {
  /** Ends it at once; leaves no timer and no socket. */
  close(): void;
}

/** What either kind of channel wants to be opened. */
export interface ChannelOptions extends ChannelEvents {
  readonly url: URL;
  /** The value of the header; undefined without credentials. */
  readonly authorization: string | undefined;
}
