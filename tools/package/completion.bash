# bash completion for btm. What there is, btm itself says: btm help, btm help COMMAND.

_btm() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} btm=${COMP_WORDS[0]}
  local command='' volume='' i
  # "-m=fade" comes as three words.
  if [[ $current == = ]]; then current=''; elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --)
        # What is started on a copy: a program, then its files.
        if ((i == COMP_CWORD - 1)); then mapfile -t COMPREPLY < <(compgen -c -- "$current"); else mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
        return
        ;;
      -p | --volume)
        volume=${COMP_WORDS[i + 1]}
        if [[ $volume == = ]]; then volume=${COMP_WORDS[i + 2]}; fi
        ;;
      -* | =) ;;
      *) if [[ -z $command && ${COMP_WORDS[i - 1]} != -* && ${COMP_WORDS[i - 1]} != = ]]; then command=${COMP_WORDS[i]}; fi ;;
    esac
  done
  case $previous in
    -m | --mode) mapfile -t COMPREPLY < <(compgen -W 'zfs btrfs external' -- "$current") ;;
    -a | --algo) mapfile -t COMPREPLY < <(compgen -W 'fair fade' -- "$current") ;;
    --chain) mapfile -t COMPREPLY < <(compgen -W 'evm beacon bitcoin cometbft substrate solana aptos sui near avalanche monero handshake' -- "$current") ;;
    -p | --volume | --at | --writable) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    --service) mapfile -t COMPREPLY < <(compgen -W "$(systemctl list-units --full --plain --no-legend 2>/dev/null | cut -d ' ' -f 1)" -- "$current") ;;
    -s | --snapshot-id | --good | --bad)
      if [[ -n $volume || -n ${BTM_VOLUME-} ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$btm" list ${volume:+-p "$volume"} 2>/dev/null | sed -nE 's/^ *([0-9]+) .*/\1/p')" -- "$current")
      fi
      ;;
    *)
      if [[ -z $command && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$btm" help 2>/dev/null | sed -nE '/^Commands:/,$s/^  ([a-z][a-z-]*).*/\1/p')" -- "$current")
      else
        mapfile -t COMPREPLY < <(compgen -W "$("$btm" help ${command:+"$command"} 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-zA-Z][a-z-]*' | tr -d ' ,')" -- "$current")
      fi
      ;;
  esac
}
complete -F _btm btm
